//! Scratch.
use wshost_tests::*;
async fn one(mode: Mode) {
    let host = Host::shared().await;
    let mut c = mode.ask(&host).open().await;
    let id = c.id().await;
    eprintln!("{}", c.ask("request").await);
    c.say("reason:why;log:info:a\nb;print:x;trap").await;
    c.closed_with(1011).await;
    let mut c = mode.ask(&host).open().await;
    let id2 = c.id().await;
    c.say("reason:why;stop").await;
    c.closed_with(1000).await;
    assert_eq!(host.terminated(&id2).await, "stop");
    for l in host.log().lines() { eprintln!("{l}"); }
    let _ = id;
}
each_mode! {one}
