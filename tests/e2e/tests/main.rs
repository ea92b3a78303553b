//! The real host over real HTTP, with real workflows, tested from outside. Each test has a host of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "what fails in a helper fails the test, which shows it"
)]

mod access;
mod backup;
mod bad_disks;
mod behaviour;
mod blocked;
mod bodies;
mod broken;
mod browser;
mod call_crashes;
mod call_secrets;
mod callers;
mod calls;
mod check;
mod children;
mod cli;
mod components;
mod crashes;
mod damage;
mod duplicates;
mod egress;
mod ends;
mod events;
mod examples;
mod fixtures;
mod folders;
mod forgetting;
mod form_example;
mod forms;
mod generations;
mod github_bot;
mod handshakes;
mod histories;
mod hook_answers;
mod hook_connections;
mod hook_heads;
mod hook_limits;
mod hook_queues;
mod hook_requests;
mod hostile;
mod kills;
mod labels;
mod libraries;
mod limits;
mod logs;
mod many_operations;
mod measures;
mod memory;
mod move_many;
mod network;
mod operations;
mod packages;
mod packages_services;
mod pause;
mod payment;
mod provider_duplicates;
mod python;
mod python_sdk;
mod repairs;
mod replies;
mod restarts;
mod retry_failed;
mod runs;
mod scenarios;
mod script_environment;
mod search;
mod secrets;
mod settings;
mod signatures;
mod starts;
mod stopping;
mod storage;
mod stored;
mod take_back;
mod tokens;
mod trigger_checks;
mod triggers;
mod typescript;
mod typescript_modules;
mod typescript_pages;
mod typescript_upstash;
mod typescript_webhooks;
mod uploads;
mod versions;
mod visibility;
mod waiter;
mod webhook_providers;
mod webhook_send;
mod withheld;
