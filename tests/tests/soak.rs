//! The soak, for a few seconds: that it goes, and nothing is lost.

use std::time::Duration;

use wshost_tests::soak::Soak;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_for_a_while() {
    let time = Duration::from_secs(20);
    let report = Soak { time, connections: 200, seed: 1, line: time }.run().await;
    let losses = report.losses();
    assert!(losses.is_empty(), "{report}\n{losses:#?}");
}
