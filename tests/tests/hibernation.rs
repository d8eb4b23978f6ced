//! Handlers that sleep, and those that would and can't.

use std::{fs::OpenOptions, io::Write as _, path::PathBuf};

use futures_util::future::join_all;
use wshost_tests::{Client, Host, Mode, Signal, each_transport, patiently};

each_transport![
    more_connections_than_instances_keep_their_state,
    a_sleeper_is_woken_by_a_timer_and_by_messages,
    a_sleeper_is_told_of_its_end,
    a_shutdown_wakes_more_than_there_are_instances,
    snapshots_go_to_the_disk_and_come_back,
    a_damaged_snapshot_ends_its_connection_alone,
    without_room_for_snapshots_handlers_stay_awake,
    who_waits_too_long_for_an_instance_is_told_to_come_again,
    a_handler_sleeps_by_itself_when_it_is_idle,
    a_busy_handler_is_not_put_to_sleep_within_its_grace,
];

/// The line that says that the handler of this connection fell asleep.
async fn asleep(host: &Host, client: &mut Client) {
    let id = client.id().await;
    host.log().line_with(&["asleep", &id]).await;
}

/// So many, of which each has counted to its number.
async fn counters(mode: Mode, host: &Host, count: usize) -> Vec<Client> {
    let counters = (0..count).map(async |number| {
        let mut client = mode.ask(host).open().await;
        for count in 1..=number {
            assert_eq!(client.ask("count").await, format!("count {count}"));
        }
        client
    });
    join_all(counters).await
}

async fn count_on(clients: &mut [Client], by: usize) {
    let counted = clients.iter_mut().enumerate().map(async |(number, client)| {
        assert_eq!(client.ask("count").await, format!("count {}", number + by));
    });
    join_all(counted).await;
}

/// Nobody asks for hibernation: those that are idle for longest make room.
async fn more_connections_than_instances_keep_their_state(mode: Mode) {
    let settings = ["instances_max=3", "hibernate_idle_ms=infinity"];
    let host = Host::of("scripted").set_all(&settings).start().await;
    let mut clients = counters(mode, &host, 20).await;
    for round in 1..=5 {
        count_on(&mut clients, round).await;
    }
}

async fn a_sleeper_is_woken_by_a_timer_and_by_messages(mode: Mode) {
    let host = Host::of("scripted").start().await;
    let mut sleeper =
        mode.ask(&host).opened("timer:300:late;sub:sleepers;me;hibernate").open().await;
    assert_eq!(sleeper.text().await, "timer-id 1");
    let id = sleeper.told_id().await;
    host.log().line_with(&["asleep", &id]).await;
    let mut other = mode.ask(&host).open().await;
    other.say(format!("send:{id}:you;msg:sleepers:all")).await;
    let told = [sleeper.text().await, sleeper.text().await, sleeper.text().await];
    for word in ["you", "all", "late"] {
        assert!(told.iter().any(|text| text.ends_with(word)), "{word} in {told:?}");
    }
    assert_eq!(sleeper.ask("count").await, "count 1");
}

async fn a_sleeper_is_told_of_its_end(mode: Mode) {
    let host = Host::shared().await;
    let mut sleeper = mode.ask(&host).opened("me;hibernate").open().await;
    let id = sleeper.told_id().await;
    host.log().line_with(&["asleep", &id]).await;
    drop(sleeper);
    // Closed, or reset: it is dropped without a word.
    assert!(host.terminated(&id).await.starts_with("error "));
}

async fn a_shutdown_wakes_more_than_there_are_instances(mode: Mode) {
    let mut host = Host::of("scripted").set("instances_max=2").start().await;
    let clients = counters(mode, &host, 30).await;
    host.signal(Signal::TERM);
    for mut client in clients {
        client.closed_with(1001).await;
    }
    assert!(host.end().await.success());
    let told = host.log().lines().iter().filter(|line| line.contains("terminate shutdown")).count();
    assert_eq!(told, 30);
}

async fn snapshots_go_to_the_disk_and_come_back(mode: Mode) {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let host = Host::of("scripted")
        .set_all(&["instances_max=2", "spill_above_bytes=0"])
        .argument("--spill")
        .argument(directory.path().to_str().expect("its path is text"))
        .start()
        .await;
    let mut clients = counters(mode, &host, 20).await;
    for round in 1..=5 {
        count_on(&mut clients, round).await;
    }
    let names = directory.path().read_dir().expect("it can be read").count();
    assert_eq!(names, 0, "the file has no name");
}

async fn a_damaged_snapshot_ends_its_connection_alone(mode: Mode) {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().to_str().expect("its path is text");
    let host = Host::of("scripted")
        .set("spill_above_bytes=0")
        .argument("--spill")
        .argument(path)
        .start()
        .await;
    let mut lost = mode.ask(&host).opened("me;hibernate").open().await;
    let id = lost.told_id().await;
    host.log().line_with(&["asleep", &id]).await;
    let mut other = mode.ask(&host).open().await;
    let damaged = async {
        while damage_spill_file(&host, path) == 0 {
            tokio::task::yield_now().await;
        }
    };
    patiently("the snapshot to be in the spill file", damaged).await;
    assert_eq!(other.ask("count").await, "count 1");
    lost.say("count").await;
    lost.closed_with(1011).await;
    host.log().line_with(&["WARN", &id, "code=1011", "handler lost", "can't be woken"]).await;
    assert_eq!(other.ask("count").await, "count 2");
}

/// Overwrites what is in the host's spill file, which has no name but by its
/// process. Returns how long it is.
fn damage_spill_file(host: &Host, directory: &str) -> usize {
    let open = format!("/proc/{}/fd", host.pid());
    let open = std::fs::read_dir(open).expect("the host runs").flatten().map(|file| file.path());
    let is_spill_file =
        |path: &PathBuf| std::fs::read_link(path).is_ok_and(|target| target.starts_with(directory));
    let file = open.into_iter().find(is_spill_file).expect("there is a spill file");
    let len = std::fs::read(&file).expect("it can be read").len();
    let mut file = OpenOptions::new().write(true).open(file).expect("it can be written to");
    file.write_all(&vec![0xa5; len]).expect("it can be written to");
    len
}

async fn without_room_for_snapshots_handlers_stay_awake(mode: Mode) {
    let host = Host::of("scripted").set("snapshots_max_bytes=1").start().await;
    let mut client = mode.ask(&host).open().await;
    for count in 1..=5 {
        assert_eq!(client.ask("hibernate;count").await, format!("count {count}"));
    }
    host.log().line_with(&["WARN", "no room in memory for more snapshots"]).await;
}

async fn who_waits_too_long_for_an_instance_is_told_to_come_again(mode: Mode) {
    let settings = ["instances_max=1", "instance_wait_max_ms=20", "callback_time_max_ms=2000"];
    let host = Host::of("scripted").set_all(&settings).start().await;
    let mut sleeper = mode.ask(&host).opened("me;hibernate").open().await;
    let id = sleeper.told_id().await;
    host.log().line_with(&["asleep", &id]).await;
    let mut looping = mode.ask(&host).open().await;
    looping.say("log:info:it loops;loop").await;
    host.log().line_with(&["it loops"]).await;
    let refused = mode.ask(&host).refused().await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "1".to_owned()));
    sleeper.say("count").await;
    host.log().line_with(&["WARN", &id, "can't be woken", "instance_wait_max_ms"]).await;
    // Its handler is told as soon as there is an instance for it.
    looping.closed_with(1011).await;
    sleeper.closed_with(1013).await;
    assert_eq!(host.terminated(&id).await, "overloaded");
}

async fn a_handler_sleeps_by_itself_when_it_is_idle(mode: Mode) {
    let host = Host::of("scripted").set("hibernate_idle_ms=1").start().await;
    let mut client = mode.ask(&host).open().await;
    asleep(&host, &mut client).await;
    assert_eq!(client.ask("count").await, "count 1");
}

async fn a_busy_handler_is_not_put_to_sleep_within_its_grace(mode: Mode) {
    let mut host = Host::of("scripted").set("hibernate_grace_ms=3600000").start().await;
    let mut client = mode.ask(&host).open().await;
    for count in 1..=5 {
        assert_eq!(client.ask("count;hibernate").await, format!("count {count}"));
    }
    drop(client);
    host.stop().await;
    host.log().line_with(&["connection ended", "sleeps=0"]).await;
}
