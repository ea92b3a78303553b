//! The store of a host that is stopped, opened as `docs/FORMAT.md` describes it, to be damaged.

use dormouse_e2e::Host;
use redb::{Database, TableDefinition};

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const COMPONENTS: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("components");
const CODE: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("code");

fn open(host: &Host) -> Database {
    Database::open(host.data_dir().join("dormouse.redb")).unwrap()
}

/// Claims that a version of the host which does not exist yet has written it.
pub(crate) fn make_newer(host: &Host) {
    let write = open(host).begin_write().unwrap();
    write
        .open_table(META)
        .unwrap()
        .insert("format", [200].as_slice())
        .unwrap();
    write.commit().unwrap();
}

/// Puts other bytes in the place of a component, or none, and takes away what was compiled of it.
pub(crate) fn replace_component(host: &Host, version: &str, other: Option<&[u8]>) {
    let digest: Vec<u8> = (0..64)
        .step_by(2)
        .map(|place| u8::from_str_radix(&version[place..place + 2], 16).unwrap())
        .collect();
    let digest = <[u8; 32]>::try_from(digest).unwrap();
    let write = open(host).begin_write().unwrap();
    write.open_table(CODE).unwrap().remove(digest).unwrap();
    {
        let mut components = write.open_table(COMPONENTS).unwrap();
        match other {
            Some(bytes) => components.insert(digest, bytes).unwrap(),
            None => components.remove(digest).unwrap(),
        };
    }
    write.commit().unwrap();
}
