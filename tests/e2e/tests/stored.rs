//! The store of a host that is stopped, opened as `docs/FORMAT.md` describes it, to be damaged.

use dormouse_e2e::Host;
use redb::{Database, Table, TableDefinition};

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const COMPONENTS: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("components");
const CODE: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("code");

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
    let digest = digest(version);
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

/// Changes one byte of what was compiled of a component.
pub(crate) fn change_code(host: &Host, version: &str) {
    edit_code(host, |code| {
        let mut row = code
            .remove(digest(version))
            .unwrap()
            .unwrap()
            .value()
            .to_vec();
        *row.last_mut().unwrap() ^= 1;
        code.insert(digest(version), &*row).unwrap();
    });
}

/// Puts what was compiled of each of two components in the place of the other.
pub(crate) fn swap_code(host: &Host, one: &str, other: &str) {
    edit_code(host, |code| {
        let [of_one, of_other] = [one, other].map(|version| {
            code.remove(digest(version))
                .unwrap()
                .unwrap()
                .value()
                .to_vec()
        });
        code.insert(digest(one), &*of_other).unwrap();
        code.insert(digest(other), &*of_one).unwrap();
    });
}

fn edit_code(host: &Host, edit: impl FnOnce(&mut Table<'_, [u8; 32], &[u8]>)) {
    let write = open(host).begin_write().unwrap();
    edit(&mut write.open_table(CODE).unwrap());
    write.commit().unwrap();
}

/// The bytes of a version, which is written in hexadecimal.
fn digest(version: &str) -> [u8; 32] {
    let byte = |number: usize| u8::from_str_radix(&version[2 * number..][..2], 16).unwrap();
    std::array::from_fn(byte)
}

fn open(host: &Host) -> Database {
    Database::open(host.data_dir().join("dormouse.redb")).unwrap()
}
