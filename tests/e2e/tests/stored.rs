//! The store of a host that is stopped, opened as `docs/FORMAT.md` describes it, to be damaged.

use dormouse_e2e::Host;
use redb::{Database, ReadableDatabase, ReadableTable, Table, TableDefinition};

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const COMPONENTS: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("components");
const CODE: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("code");
const OUTPUTS: TableDefinition<'_, [u8; 16], &[u8]> = TableDefinition::new("outputs");
const RUNS_BY_STATUS: TableDefinition<'_, (u8, [u8; 16]), ()> =
    TableDefinition::new("runs_by_status");
const PENDING: u8 = 0;

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
    let digest: [u8; 32] = from_hex(version);
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
            .remove(from_hex::<32>(version))
            .unwrap()
            .unwrap()
            .value()
            .to_vec();
        *row.last_mut().unwrap() ^= 1;
        code.insert(from_hex::<32>(version), &*row).unwrap();
    });
}

/// Puts what was compiled of each of two components in the place of the other.
pub(crate) fn swap_code(host: &Host, one: &str, other: &str) {
    edit_code(host, |code| {
        let [of_one, of_other] = [one, other].map(|version| {
            code.remove(from_hex::<32>(version))
                .unwrap()
                .unwrap()
                .value()
                .to_vec()
        });
        code.insert(from_hex::<32>(one), &*of_other).unwrap();
        code.insert(from_hex::<32>(other), &*of_one).unwrap();
    });
}

fn edit_code(host: &Host, edit: impl FnOnce(&mut Table<'_, [u8; 32], &[u8]>)) {
    let write = open(host).begin_write().unwrap();
    edit(&mut write.open_table(CODE).unwrap());
    write.commit().unwrap();
}

fn open(host: &Host) -> Database {
    Database::open(host.data_dir().join("dormouse.redb")).unwrap()
}

/// Claims that a version of the host which does not exist yet has written this run's output.
pub(crate) fn make_output_newer(host: &Host, run: &str) {
    let run: [u8; 16] = from_hex(&run.replace('-', ""));
    let write = open(host).begin_write().unwrap();
    {
        let mut outputs = write.open_table(OUTPUTS).unwrap();
        let mut row = outputs.get(run).unwrap().unwrap().value().to_owned();
        row[0] = 200;
        outputs.insert(run, row.as_slice()).unwrap();
    }
    write.commit().unwrap();
}

/// How many runs have not begun.
pub(crate) fn count_pending(host: &Host) -> usize {
    let database = open(host);
    let read = database.begin_read().unwrap();
    let runs = read.open_table(RUNS_BY_STATUS).unwrap();
    let pending = runs.range((PENDING, [0; 16])..=(PENDING, [0xff; 16]));
    pending.unwrap().count()
}

/// Takes away what was compiled, and the room that it took.
pub(crate) fn forget_code(host: &Host) {
    let mut database = open(host);
    let write = database.begin_write().unwrap();
    write
        .open_table(CODE)
        .unwrap()
        .retain(|_, _| false)
        .unwrap();
    write.commit().unwrap();
    database.compact().unwrap();
}

fn from_hex<const N: usize>(digits: &str) -> [u8; N] {
    std::array::from_fn(|place| u8::from_str_radix(&digits[2 * place..2 * place + 2], 16).unwrap())
}
