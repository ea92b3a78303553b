//! Workflows and their versions: a run stays on its own version.

use dormouse_e2e::{Host, body, guest, post};
use serde_json::json;

fn waiting_script() -> serde_json::Value {
    json!({"seq": [{"webhook": "a"}, {"wait": "a"}]})
}

#[test]
fn a_deployment_is_201_when_new_and_200_when_known() {
    let host = Host::start();
    let first = host.upload("w", &guest("script")).expect(201);
    assert_eq!(first.field("name"), "w");
    let version = first.field("version");
    assert_eq!(version.len(), 64);
    assert_eq!(
        host.upload("w", &guest("script"))
            .expect(200)
            .field("version"),
        version
    );
    // The same bytes are new to another workflow.
    assert_eq!(
        host.upload("v", &guest("script"))
            .expect(201)
            .field("version"),
        version
    );

    let shown = host.get("/v1/workflows/w").expect(200).json();
    assert_eq!(
        (&shown["name"], &shown["version"]),
        (&json!("w"), &json!(version))
    );
    let names: Vec<_> = host.get("/v1/workflows").expect(200).json()["workflows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|workflow| workflow["name"].clone())
        .collect();
    assert_eq!(names, ["v", "w"]);
    host.get("/v1/workflows/none")
        .expect_problem(404, "unknown-workflow");
}

#[test]
fn a_redeploy_leaves_a_sleeping_run_on_its_version() {
    let mut host = Host::start();
    let old = host.deploy("w", "script");
    let sleeping = [0, 1].map(|_| host.start_run("w", &waiting_script()));
    for run in &sleeping {
        run.wait_for_steps(&["a"]);
    }
    let new = host.deploy("w", "bare");
    assert_ne!(old, new);
    let fresh = host.start_run("w", &json!(null));
    assert_eq!(fresh.wait_for_status("suspended")["version"], new);

    // One goes on from memory, one from its journal.
    post(sleeping[0].hook("a"), "warm").expect(202);
    assert_eq!(body(&sleeping[0].output()[1]), "warm");
    host.restart();
    post(sleeping[1].hook("a"), "rebuilt").expect(202);
    assert_eq!(body(&sleeping[1].output()[1]), "rebuilt");
    for run in &sleeping {
        assert_eq!(run.show()["version"], old);
    }
    post(fresh.hook("bare"), "new").expect(202);
    assert_eq!(fresh.end()["status"], "completed");
    assert_eq!(fresh.get("/output").text(), "new");
}

#[test]
fn a_rollback_is_a_deployment_of_the_old_bytes() {
    let host = Host::start();
    let old = host.deploy("w", "script");
    host.deploy("w", "bare");
    host.upload("w", &guest("script")).expect(200);
    let run = host.start_run("w", &json!({"now": true}));
    run.output();
    assert_eq!(run.show()["version"], old);
    let versions = host.get("/v1/workflows/w").json()["versions"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(versions, 2);
}

#[test]
fn a_run_can_be_pinned_to_an_older_version() {
    let host = Host::start();
    let old = host.deploy("w", "script");
    host.deploy("w", "bare");
    let path = format!("/v1/workflows/w/runs?version={old}");
    let id = host
        .post(&path, json!({"step": "s", "value": 1}).to_string())
        .expect(202)
        .field("id");
    let run = host.run(&id);
    assert_eq!(run.output(), 1);
    assert_eq!(run.show()["version"], old);
}

#[test]
fn a_deleted_workflow_starts_nothing_until_it_is_deployed_again() {
    let mut host = Host::start();
    host.deploy("w", "script");
    let running = host.start_run("w", &waiting_script());
    running.wait_for_steps(&["a"]);
    host.request("DELETE", "/v1/workflows/w").send().expect(204);
    host.post("/v1/workflows/w/runs", "{}")
        .expect_problem(410, "workflow-deleted");
    host.request("DELETE", "/v1/workflows/none")
        .send()
        .expect_problem(404, "unknown-workflow");

    host.restart();
    host.post("/v1/workflows/w/runs", "{}")
        .expect_problem(410, "workflow-deleted");
    post(running.hook("a"), "still there").expect(202);
    assert_eq!(body(&running.output()[1]), "still there");

    host.upload("w", &guest("script")).expect(200);
    host.start_run("w", &json!({"now": true})).output();
}

#[test]
fn workflows_survive_a_restart() {
    let mut host = Host::start();
    let version = host.deploy("w", "script");
    host.restart();
    assert_eq!(
        host.get("/v1/workflows/w").expect(200).json()["version"],
        version
    );
    host.start_run("w", &json!({"now": true})).output();
}
