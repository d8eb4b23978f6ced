//! SIGHUP: the configuration is read again.

use std::fs;

use wshost_tests::{Host, Identity, Mode, Signal, guest};

use crate::{Site, open, refused};

async fn reloaded(host: &Host, times: usize) {
    host.log().lines_reach(times, &["reloaded plugins="]).await;
}

#[tokio::test]
async fn what_changed_is_deployed_and_nothing_else() {
    let site = Site::new("[plugins.scripted]\nroutes = [\"/old\"]", &["echo", "scripted"]);
    let host = site.host().start().await;
    let mut before = open(&host, "/old").await;
    assert_eq!(before.ask("count").await, "count 1");
    site.configure("[plugins.scripted]\nroutes = [\"/new\"]\nframe_size_bytes = 10");
    host.signal(Signal::HUP);
    reloaded(&host, 1).await;
    assert_eq!(refused(&host, "/old").await, 404);
    let mut after = open(&host, "/new").await;
    after.say("longer than ten bytes").await;
    after.closed_with(1009).await;
    assert_eq!(before.ask("count").await, "count 2");
    for (plugin, deployed) in [("plugin=scripted", 2), ("plugin=echo", 1)] {
        assert_eq!(host.log().lines_with(&["plugin deployed", plugin]).len(), deployed);
    }
    // The same again.
    host.signal(Signal::HUP);
    reloaded(&host, 2).await;
    assert_eq!(host.log().lines_with(&["plugin deployed"]).len(), 3);
}

#[tokio::test]
async fn a_broken_file_leaves_all_as_it_was() {
    let good = "[plugins.scripted]\nroutes = [\"/old\"]";
    let site = Site::new(good, &["scripted"]);
    let host = site.host().start().await;
    let mut client = open(&host, "/old").await;
    assert_eq!(client.ask("count").await, "count 1");
    for (broken, said) in [
        ("[plugins.scripted]\nroutes = [", "wshost.toml:2: "),
        ("\n\ntimer_max = 5", "wshost.toml:3: no setting and no table is named `timer_max`"),
        ("[host]\nlog = 5", "wshost.toml:2: `log` is a string"),
        ("[stores.a]\npath = \"nowhere/a.redb\"", "can't open the key-value store `a`"),
    ] {
        site.configure(broken);
        host.signal(Signal::HUP);
        host.log().line_with(&["ERROR", "not reloaded, all stays as it was", said]).await;
    }
    fs::remove_file(site.file()).expect("it is there");
    host.signal(Signal::HUP);
    host.log().line_with(&["ERROR", "not reloaded", "can't read"]).await;
    assert_eq!(client.ask("count").await, "count 2");
    assert_eq!(open(&host, "/old").await.ask("count").await, "count 1");
    site.configure(good);
    host.signal(Signal::HUP);
    reloaded(&host, 1).await;
    assert_eq!(host.log().lines_with(&["plugin deployed"]).len(), 1);
}

#[tokio::test]
async fn what_needs_a_restart_is_named() {
    let site = Site::new("", &["echo"]);
    let host = site.host().start().await;
    site.configure("instances_max = 7\nmemory_max_bytes = 134217728\n[host]\nspill = \".\"");
    host.signal(Signal::HUP);
    let said = "needs a restart: host.spill, instances_max, memory_max_bytes";
    host.log().line_with(&["WARN", said]).await;
    reloaded(&host, 1).await;
    assert_eq!(open(&host, "/echo").await.ask("goes on").await, "goes on");
}

#[tokio::test]
async fn a_store_can_be_added() {
    let grants = "[plugins.granted.grants]\nhttp = [\"unreachable.invalid\"]\nkey_value = ";
    let site = Site::new(&format!("{grants}[\"own\"]"), &["granted"]);
    let host = site.host().start().await;
    let store = "[stores.board]\npath = \"board.redb\"\n";
    site.configure(&format!("{store}{grants}[\"own\", \"board\"]"));
    host.signal(Signal::HUP);
    reloaded(&host, 1).await;
    let mut client = open(&host, "/granted").await;
    assert_eq!(client.ask("set board k v").await, "set");
    assert!(site.path().join("board.redb").exists());
    // Once open it stays as it is.
    site.configure(&format!("{store}max_bytes = 5\n{grants}[\"own\", \"board\"]"));
    host.signal(Signal::HUP);
    host.log().line_with(&["WARN", "needs a restart: stores.board"]).await;
    assert_eq!(client.ask("set board k w").await, "set");
}

#[tokio::test]
async fn of_a_refused_configuration_no_store_is_taken() {
    let text = |log: &str, path: &str| {
        format!(
            "[host]\nlog = \"{log}\"\n[stores.board]\npath = \"{path}\"\n\
             [plugins.granted.grants]\nhttp = [\"unreachable.invalid\"]\nkey_value = [\"board\"]"
        )
    };
    let site = Site::new("", &[]);
    let host = site.host().log_as_configured().start().await;
    site.configure(&text("loud=very=much", "wrong.redb"));
    host.signal(Signal::HUP);
    host.log().line_with(&["ERROR", "not reloaded, all stays as it was", "no log filter"]).await;
    site.configure(&text("info", "right.redb"));
    site.put("plugins/granted.wasm", fs::read(guest("granted")).expect("it is built"));
    host.signal(Signal::HUP);
    reloaded(&host, 1).await;
    assert_eq!(open(&host, "/granted").await.ask("set board k v").await, "set");
    assert!(site.path().join("right.redb").exists());
}

#[tokio::test]
async fn a_directory_that_can_not_be_read_leaves_all_as_it_was() {
    let text = |origin: &str| format!("[host]\norigin = [\"{origin}\"]");
    let site = Site::new(&text("https://a.example"), &["echo"]);
    let host = site.host().start().await;
    let ask = || Mode::HTTP1.ask(&host).target("/echo").header("origin", "https://b.example");
    let away = site.path().join("away");
    fs::rename(site.plugins(), &away).expect("it is there");
    site.configure(&text("https://b.example"));
    host.signal(Signal::HUP);
    let said = ["ERROR", "not reloaded, all stays as it was", "can't read"];
    host.log().line_with(&said).await;
    assert_eq!(ask().refused().await.status, 403);
    fs::rename(away, site.plugins()).expect("it was moved there");
    host.signal(Signal::HUP);
    reloaded(&host, 1).await;
    assert_eq!(ask().open().await.ask("hello").await, "hello");
}

#[tokio::test]
async fn origins_and_the_log_change_while_it_runs() {
    let text =
        |log: &str, origin: &str| format!("[host]\nlog = \"{log}\"\norigin = [\"{origin}\"]");
    let site = Site::new(&text("error", "https://a.example"), &["echo"]);
    let host = site.host().log_as_configured().start().await;
    let ask = || Mode::HTTP1.ask(&host).target("/echo").header("origin", "https://b.example");
    assert_eq!(ask().refused().await.status, 403);
    assert_eq!(host.log().lines().len(), 0);
    site.configure(&text("info", "https://b.example"));
    host.signal(Signal::HUP);
    reloaded(&host, 1).await;
    assert_eq!(ask().open().await.ask("hello").await, "hello");
}

#[tokio::test]
async fn another_certificate_is_taken_at_once() {
    let (old, new) = (Identity::new(), Identity::new());
    let text = |identity: &Identity| {
        let [cert, key] = [identity.certificate(), identity.key()];
        format!("[host]\ntls_cert = {cert:?}\ntls_key = {key:?}")
    };
    let site = Site::new(&text(&old), &["echo"]);
    let host = site.host().start().await;
    let ask =
        |identity: &Identity| Mode::HTTP1.ask(&host).trust(identity.trust()).target("/echo").open();
    let mut before = ask(&old).await;
    site.configure(&text(&new));
    host.signal(Signal::HUP);
    reloaded(&host, 1).await;
    assert_eq!(ask(&new).await.ask("hello").await, "hello");
    assert_eq!(before.ask("goes on").await, "goes on");
    new.spoil();
    host.signal(Signal::HUP);
    host.log().line_with(&["ERROR", "not reloaded", "no certificate stands in"]).await;
    assert_eq!(ask(&new).await.ask("hello").await, "hello");
}

#[tokio::test]
async fn one_plugin_on_every_path_is_reloaded_too() {
    let site = Site::new("", &[]);
    let plugin = site.path().join("mine.wasm");
    fs::copy(guest("scripted"), &plugin).expect("there is room");
    let host = Host::of_file(&plugin).argument("--config").argument(&site.file()).start().await;
    let mut before = open(&host, "/").await;
    assert_eq!(before.ask("count").await, "count 1");
    site.configure("frame_size_bytes = 10");
    host.signal(Signal::HUP);
    reloaded(&host, 1).await;
    let mut after = open(&host, "/").await;
    after.say("longer than ten bytes").await;
    after.closed_with(1009).await;
    assert_eq!(before.ask("count").await, "count 2");
    fs::write(&plugin, "no component").expect("there is room");
    host.signal(Signal::HUP);
    host.log().line_with(&["ERROR", "not deployed", "the version before goes on"]).await;
    assert_eq!(before.ask("count").await, "count 3");
}

#[tokio::test]
async fn files_that_say_the_same_are_no_new_version() {
    let site = Site::new("", &["scripted"]);
    site.put("plugins/scripted.toml", "timers_max = 5");
    let host = site.host().start().await;
    site.put("plugins/scripted.toml", "# Another comment.\ntimers_max = 5");
    site.put("plugins/scripted.wasm", fs::read(guest("scripted")).expect("it is built"));
    // Found in the same look, and deployed after it.
    site.put("plugins/zecho.wasm", fs::read(guest("echo")).expect("it is built"));
    host.log().line_with(&["plugin deployed", "plugin=zecho"]).await;
    assert_eq!(host.log().lines_with(&["plugin deployed", "plugin=scripted"]).len(), 1);
}
