//! `dormouse backup`: checks that the file that the client fetched is a store.

use std::fs::File;
use std::process::ExitCode;

use dormouse_cli::{Backup, BackupContent, CliError, Terminal};

/// Fetches a backup, and keeps it if it is a store that this version can read.
pub(super) fn run(backup: &Backup, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
    if let Some(fetched) = backup.fetch(terminal)? {
        let content = examine(fetched.file()?)?;
        fetched.keep(content, terminal)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn examine(file: File) -> Result<BackupContent, CliError> {
    let info = dormouse_store_redb::examine_file(file)
        .map_err(|error| CliError::NoBackup(error.to_string()))?;
    Ok(BackupContent {
        format: info.schema,
        runs: info.runs,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;

    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, CommandError};

    /// Serves one request with this body. Returns the URL to ask.
    fn server(body: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while !lines.next().unwrap().unwrap().is_empty() {}
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            )
            .unwrap();
        });
        url
    }

    #[test]
    fn an_answer_that_is_not_a_store_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("b");
        let url = server("<html>");
        let arguments = [
            "dormouse",
            "backup",
            "--server",
            &url,
            file.to_str().unwrap(),
        ];
        let cli = Cli::try_parse_from(arguments).unwrap();
        let error = crate::cli::run(&cli.command, &mut Terminal::standard()).unwrap_err();
        let is_refused = matches!(error, CommandError::Client(CliError::NoBackup(_)));
        assert!(is_refused, "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
