//! Libraries that a workflow may use: they compute the same in a rebuilt run.

use dormouse_e2e::{Host, post};
use serde_json::{Value, json};

#[test]
fn libraries_compute_the_same_after_a_restart() {
    let mut host = Host::start();
    host.deploy("libraries", "libraries");
    let run = host.start_run("libraries", &json!({"ignored": true}));
    let before = post(run.hook("look"), "").expect(200).json();
    host.restart();
    post(run.hook("go"), "").expect(202);
    let output = run.output();
    assert_eq!(output[0], before);

    let after = &output[1];
    assert_ne!(after["id"], before["id"]);
    for seen in [&before, after] {
        assert_eq!(&seen["id"].as_str().unwrap()[14..15], "4");
        let mut ended: Vec<&Value> = seen["ended"].as_array().unwrap().iter().collect();
        ended.sort_by_key(|number| number.as_u64());
        assert_eq!(json!(ended), json!((0..20).collect::<Vec<u8>>()));
        let local_time = seen["local_time"].as_str().unwrap();
        assert!(
            local_time.ends_with("CET") || local_time.ends_with("CEST"),
            "{local_time}"
        );
    }
}
