//! What is left in a mailbox, and what is not.

use bytes::Bytes;
use tokio::sync::oneshot::{self, error::TryRecvError};

use super::*;
use crate::websocket::Message;

fn mailbox() -> Mailbox {
    mailbox_of(SlowReader::Close)
}

fn mailbox_of(slow_reader: SlowReader) -> Mailbox {
    let config = Config {
        mailbox_max: 2,
        mailbox_max_bytes: 10,
        send_queue_max_bytes: 100,
        slow_reader,
        ..Config::default()
    };
    Mailbox::new(ConnectionId::random(), Tenant::test(config), true)
}

fn mail(payload: &'static str) -> Mail {
    Mail::Direct { from: ConnectionId::random(), payload: Bytes::from_static(payload.as_bytes()) }
}

fn frame(payload: &'static [u8]) -> SharedFrame {
    SharedFrame::new(Message::Binary(Bytes::from_static(payload)))
}

fn lengths(frames: &VecDeque<SharedFrame>) -> Vec<usize> {
    frames.iter().map(|frame| frame.message().len_bytes()).collect()
}

fn urgent(mailbox: &Mailbox, room_bytes: usize) -> Option<Urgent> {
    mailbox.poll_urgent(&Context::from_waker(Waker::noop()), room_bytes)
}

#[test]
fn mail_is_bounded_in_count_and_bytes() {
    let mailbox = mailbox();
    assert_eq!(mailbox.leave(mail("12345678901")), Left::Dropped);
    assert_eq!(mailbox.leave(mail("a")), Left::Waiting);
    assert_eq!(mailbox.leave(mail("b")), Left::Waiting);
    assert_eq!(mailbox.leave(mail("c")), Left::Dropped);
    assert!(matches!(mailbox.take_mail(), Some(Mail::Direct { payload, .. }) if payload == "a"));
    assert_eq!(mailbox.leave(mail("1234567890")), Left::Dropped);
    assert_eq!(mailbox.leave(mail("123456789")), Left::Waiting);
}

#[test]
fn frames_wait_until_they_are_wanted_and_their_loss_is_told() {
    let mailbox = mailbox();
    mailbox.leave_frame(frame(b"12345"));
    assert!(urgent(&mailbox, 0).is_none());
    assert!(matches!(urgent(&mailbox, 1000), Some(Urgent::Frames(frames)) if frames.len() == 1));
    assert!(urgent(&mailbox, 1000).is_none());
    mailbox.leave_frame(frame(&[0; 100]));
    assert!(matches!(urgent(&mailbox, 0), Some(Urgent::FramesLost)));
    mailbox.shut_down();
    assert!(matches!(urgent(&mailbox, 0), Some(Urgent::Shutdown)));
}

#[test]
fn what_has_no_room_may_be_dropped_and_is_counted() {
    let mailbox = mailbox_of(SlowReader::Drop);
    assert_eq!(mailbox.leave_frame(frame(&[0; 80])), Left::Waiting);
    assert_eq!(mailbox.leave_frame(frame(&[0; 81])), Left::Dropped);
    assert_eq!(mailbox.leave_frame(frame(&[0; 82])), Left::Dropped);
    assert!(
        matches!(urgent(&mailbox, 1000), Some(Urgent::Frames(frames)) if lengths(&frames) == [80])
    );
    assert!(urgent(&mailbox, 1000).is_none());
    assert_eq!(mailbox.leave_frame(frame(&[0; 83])), Left::Waiting);
    assert_eq!(mailbox.close(), 2);
}

#[test]
fn frames_are_taken_as_there_is_room() {
    let mailbox = mailbox();
    mailbox.leave_frame(frame(b"12345"));
    mailbox.leave_frame(frame(b"678"));
    assert!(matches!(urgent(&mailbox, 5), Some(Urgent::Frames(frames)) if lengths(&frames) == [5]));
    assert!(matches!(urgent(&mailbox, 1), Some(Urgent::Frames(frames)) if lengths(&frames) == [3]));
    assert_eq!(mailbox.lock().waiting.as_ref().map(|waiting| waiting.frame_bytes), Some(0));
}

#[test]
fn frames_are_passed_on_where_the_plugin_was_replaced() {
    let mailbox = mailbox();
    mailbox.replaced();
    mailbox.leave_frame(frame(b"12345"));
    assert!(matches!(urgent(&mailbox, 1000), Some(Urgent::Frames(_))));
    // Told until it is taken, and the owner is woken by what comes meanwhile.
    for _ in 0..2 {
        assert!(matches!(urgent(&mailbox, 1000), Some(Urgent::Replaced)));
        assert!(mailbox.lock().owner.is_some());
        mailbox.leave_frame(frame(b"678"));
        assert!(mailbox.lock().owner.is_none());
        assert!(matches!(urgent(&mailbox, 1000), Some(Urgent::Frames(_))));
    }
    mailbox.take_replaced();
    assert!(urgent(&mailbox, 1000).is_none());
}

#[test]
fn a_question_waits_for_the_owner_and_ends_with_the_connection() {
    let mailbox = mailbox();
    assert!(urgent(&mailbox, 1000).is_none() && mailbox.take_questions().is_empty());
    let ask = || {
        let (answer, answered) = oneshot::channel();
        mailbox.ask(Question { topics: false, answer });
        answered
    };
    drop(ask());
    let mut answered = ask();
    assert!(urgent(&mailbox, 1000).is_none());
    assert_eq!(mailbox.take_questions().len(), 1, "nobody waits for the other");
    assert_eq!(answered.try_recv().unwrap_err(), TryRecvError::Closed);
    assert!(urgent(&mailbox, 1000).is_none() && mailbox.lock().waiting.is_none());
    let mut unanswered = ask();
    mailbox.close();
    assert_eq!(unanswered.try_recv().unwrap_err(), TryRecvError::Closed);
    assert_eq!(ask().try_recv().unwrap_err(), TryRecvError::Closed);
}

#[test]
fn the_operator_closes_it_once() {
    let mailbox = mailbox();
    for code in [4000, 4001] {
        mailbox.close_by_operator(CloseFrame::new(code, "").unwrap());
    }
    for _ in 0..2 {
        let urgent = urgent(&mailbox, 0);
        assert!(
            matches!(&urgent, Some(Urgent::Operator(frame)) if frame.code().get() == 4000),
            "{urgent:?}"
        );
    }
}

#[test]
fn what_nobody_wants_is_dropped() {
    let mailbox = Mailbox::new(ConnectionId::random(), Tenant::test(Config::default()), false);
    assert_eq!(mailbox.leave(mail("a")), Left::Dropped);
    assert_eq!(mailbox.leave_frame(frame(b"a")), Left::Waiting);
}

#[test]
fn a_closed_mailbox_takes_nothing() {
    let mailbox = mailbox();
    mailbox.leave(mail("a"));
    mailbox.close();
    assert_eq!(mailbox.leave(mail("b")), Left::Dropped);
    assert_eq!(mailbox.leave_frame(frame(b"b")), Left::Dropped);
    assert!(mailbox.take_mail().is_none());
    assert_eq!(mailbox.tenant.metrics.mail_dropped.get(), 2);
}

#[test]
fn what_was_published_to_a_topic_can_be_forgotten() {
    let mailbox = mailbox();
    mailbox.leave(Mail::Published {
        topic: "t".into(),
        from: None,
        payload: Bytes::from_static(b"12345"),
        position: None,
    });
    mailbox.leave(mail("a"));
    mailbox.forget(|mail| matches!(mail, Mail::Published { topic, .. } if **topic == *"t"));
    assert!(matches!(mailbox.take_mail(), Some(Mail::Direct { .. })));
    assert_eq!(mailbox.leave(mail("1234567890")), Left::Waiting);
}

fn published(payload: &'static [u8]) -> Mail {
    let payload = Bytes::from_static(payload);
    Mail::Published { topic: "t".into(), from: None, payload, position: None }
}

fn gap() -> Option<Mail> {
    Some(Mail::Gap { topic: "t".into() })
}

#[test]
fn of_what_was_before_the_newest_has_room() {
    let mailbox = mailbox();
    let mail = [&b"1234"[..], b"5678", b"9"].map(published).to_vec();
    mailbox.leave_past(Past { mail, gap: gap(), ..Past::default() });
    assert!(matches!(mailbox.take_mail(), Some(Mail::Gap { .. })));
    assert!(matches!(mailbox.take_mail(), Some(Mail::Published { payload, .. }) if payload == "9"));
    // One more than there is room for by bytes.
    let mail = [&b"123456789"[..], b"a"].map(published).to_vec();
    mailbox.leave_past(Past { mail, ..Past::default() });
    assert!(matches!(mailbox.take_mail(), Some(Mail::Published { payload, .. }) if payload == "a"));
    assert!(mailbox.take_mail().is_none());
    let frames = vec![frame(&[1; 60]), frame(&[2; 50]), frame(&[3; 10])];
    mailbox.leave_past(Past { frames, gap: gap(), ..Past::default() });
    assert!(matches!(mailbox.take_mail(), Some(Mail::Gap { .. })));
    assert!(
        matches!(urgent(&mailbox, 1000), Some(Urgent::Frames(frames)) if lengths(&frames) == [50, 10])
    );
}

#[test]
fn what_the_plugin_has_no_room_for_is_told_as_a_gap() {
    let config = Config { plugin_mail_max_bytes: 8, ..Config::default() };
    let mailbox = Mailbox::new(ConnectionId::random(), Tenant::test(config), true);
    let mail = || [&b"1234"[..], b"5678", b"5678", b"9"].map(published).to_vec();
    let payload = || match mailbox.take_mail()? {
        Mail::Published { payload, .. } => Some(payload),
        Mail::Gap { .. } => Some("gap".into()),
        other => panic!("{other:?}"),
    };
    mailbox.leave_past(Past { mail: mail(), gap: gap(), ..Past::default() });
    let payloads: Vec<_> = std::iter::from_fn(payload).collect();
    assert_eq!(payloads, ["1234", "gap", "9"]);
    // Who didn't ask for what is behind a position isn't told.
    mailbox.leave_past(Past { mail: mail(), ..Past::default() });
    let payloads: Vec<_> = std::iter::from_fn(payload).collect();
    assert_eq!(payloads, ["1234", "9"]);
    // Once is enough.
    mailbox.leave_past(Past { mail: mail(), gap: gap(), missing: true, ..Past::default() });
    let payloads: Vec<_> = std::iter::from_fn(payload).collect();
    assert_eq!(payloads, ["gap", "1234", "9"]);
    assert_eq!(mailbox.tenant.totals.mail_bytes.used(), 0);
}

#[test]
fn what_has_no_room_takes_none() {
    let mailbox = mailbox_of(SlowReader::Drop);
    mailbox.leave(mail("12345678901"));
    mailbox.leave_frame(frame(&[0; 101]));
    mailbox.leave_past(Past { mail: vec![published(b"12345678901")], ..Past::default() });
    assert!(mailbox.lock().waiting.is_none());
    mailbox.close_by_operator(CloseFrame::new(4000, "").unwrap());
    mailbox.leave(mail("12345678901"));
    assert!(matches!(urgent(&mailbox, 0), Some(Urgent::Operator(_))));
}

#[test]
fn a_gap_is_told_where_there_is_one() {
    let mailbox = mailbox();
    mailbox.leave_past(Past { mail: vec![published(b"a")], gap: gap(), ..Past::default() });
    assert!(matches!(mailbox.take_mail(), Some(Mail::Published { .. })));
    mailbox.leave_past(Past { gap: gap(), missing: true, ..Past::default() });
    assert!(matches!(mailbox.take_mail(), Some(Mail::Gap { .. })));
    assert!(mailbox.take_mail().is_none());
}

#[test]
fn the_end_of_another_has_room_always() {
    let mailbox = mailbox();
    let down = || Mail::Down { id: ConnectionId::random(), reason: "for long".into() };
    for _ in 0..3 {
        assert_eq!(mailbox.leave(down()), Left::Waiting);
    }
    assert_eq!(mailbox.leave(mail("a")), Left::Dropped);
    assert_eq!(mailbox.tenant.totals.mail_bytes.used(), 24);
    mailbox.close();
    assert_eq!(mailbox.tenant.totals.mail_bytes.used(), 0);
}
