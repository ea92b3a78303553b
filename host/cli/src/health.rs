//! `dormouse health`.

use std::process::ExitCode;

use clap::Args;
use dormouse_api::{ClockStep, Health};

use crate::connection::Connection;
use crate::error::CliError;
use crate::terminal::Terminal;

/// Shows whether a host takes work, what does not work as it should, and whether the machine's clock was set
#[derive(Debug, Args)]
#[command(after_help = "Example: dormouse health")]
pub struct HealthCommand {
    #[command(flatten)]
    connection: Connection,
}

impl HealthCommand {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        let client = self.connection.open()?;
        let answer = client.get(&client.root_url("readyz"))?;
        if self.connection.json {
            terminal.json(&answer.body)?;
            return Ok(ExitCode::SUCCESS);
        }
        let health: Health = answer.json()?;
        terminal.print(&render(&health))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn render(health: &Health) -> String {
    let mut text = format!("{}\n", health.status);
    for degraded in &health.degraded {
        text += &format!("degraded: {}: {}\n", degraded.what, degraded.why);
    }
    text + &render_clock(health.clock)
}

/// Formats how far the machine's clock was set. A difference below one second is not shown: it comes from
/// the two clocks being read one after the other.
fn render_clock(clock: ClockStep) -> String {
    let ClockStep {
        step_seconds,
        steps,
    } = clock;
    let dates = if step_seconds.abs() < 1.0 {
        "the host's dates follow the machine's clock".to_owned()
    } else if step_seconds > 0.0 {
        format!("the machine's clock is {step_seconds:.3} s ahead of the host's dates")
    } else {
        format!(
            "the machine's clock is {:.3} s behind the host's dates",
            -step_seconds
        )
    };
    let times = match steps {
        0 => "was not set".to_owned(),
        1 => "was set once".to_owned(),
        _ => format!("was set {steps} times"),
    };
    format!("clock: {dates}; the machine's clock {times} since the host started\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(step_seconds: f64, steps: u64, expected: &str) {
        let health = Health {
            status: "ready".into(),
            degraded: Vec::new(),
            clock: ClockStep {
                step_seconds,
                steps,
            },
        };
        assert_eq!(render(&health), format!("ready\nclock: {expected}\n"));
    }

    #[test]
    fn the_step_of_the_clock_is_shown_either_way() {
        check(
            0.0,
            0,
            "the host's dates follow the machine's clock; the machine's clock was not set since the host started",
        );
        check(
            -0.25,
            2,
            "the host's dates follow the machine's clock; the machine's clock was set 2 times since the host started",
        );
        check(
            3_600.0,
            1,
            "the machine's clock is 3600.000 s ahead of the host's dates; the machine's clock was set once since the host started",
        );
        check(
            -3_599.5,
            1,
            "the machine's clock is 3599.500 s behind the host's dates; the machine's clock was set once since the host started",
        );
    }
}
