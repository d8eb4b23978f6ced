//! Directories of plugins that are not as they should be.

use std::fs;

use wshost_tests::guest;

use crate::{Site, open};

#[tokio::test]
async fn a_directory_that_vanishes_and_comes_back_disturbs_nobody() {
    let site = Site::new("", &["scripted"]);
    let host = site.host().start().await;
    let mut client = open(&host, "/scripted").await;
    assert_eq!(client.ask("count").await, "count 1");
    let away = site.path().join("away");
    fs::rename(site.plugins(), &away).expect("it is there");
    host.log().line_with(&["WARN", "all stays as it is: can't read"]).await;
    assert_eq!(client.ask("count").await, "count 2");
    assert_eq!(open(&host, "/scripted").await.ask("count").await, "count 1");
    fs::rename(away, site.plugins()).expect("it was moved there");
    site.put("plugins/echo.wasm", fs::read(guest("echo")).expect("it is built"));
    host.log().line_with(&["plugin deployed", "plugin=echo"]).await;
    assert_eq!(host.log().lines_with(&["plugin deployed", "plugin=scripted"]).len(), 1);
    assert_eq!(client.ask("count").await, "count 3");
}

#[tokio::test]
async fn a_thousand_bad_files_are_told_of_in_a_few_lines() {
    let site = Site::new("", &["scripted"]);
    let host = site.host().start().await;
    let mut client = open(&host, "/scripted").await;
    for number in 0..1000 {
        let bad = format!("bad {number}");
        fs::write(site.plugins().join(format!("bad{number}.wasm")), bad).expect("there is room");
    }
    site.put("plugins/zecho.wasm", fs::read(guest("echo")).expect("it is built"));
    host.log().line_with(&["plugin deployed", "plugin=zecho"]).await;
    assert_eq!(open(&host, "/zecho").await.ask("hello").await, "hello");
    assert_eq!(client.ask("count").await, "count 1");
    host.log().line_with(&["ERROR", "not deployed, as those before", "others="]).await;
    // They may have been found in two looks, each of which tells of twenty.
    let lines = host.log().lines_with(&["ERROR", "not deployed"]).len();
    assert!((21..=63).contains(&lines), "{lines}");
}
