//! Opens the store of a stopped host as `docs/reference/store-format.md` describes it, to damage it.

use dormouse_e2e::Host;
use redb::{Database, ReadableDatabase, ReadableTable, Table, TableDefinition};

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const COMPONENTS: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("components");
const CODE: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("code");
const JOURNAL: TableDefinition<'_, ([u8; 16], u32, u32), &[u8]> = TableDefinition::new("journal");
const DUE: TableDefinition<'_, [u8; 16], ()> = TableDefinition::new("due");
const STATES: TableDefinition<'_, [u8; 16], &[u8]> = TableDefinition::new("states");

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

/// Claims that a version of the host which does not exist yet has written this run's last record, which has its output.
pub(crate) fn make_output_newer(host: &Host, run: &str) {
    let run: [u8; 16] = from_hex(&run.replace('-', ""));
    let write = open(host).begin_write().unwrap();
    {
        let mut journal = write.open_table(JOURNAL).unwrap();
        let last = {
            let mut records = journal.range((run, 0, 0)..=(run, 0, u32::MAX)).unwrap();
            let (key, row) = records.next_back().unwrap().unwrap();
            (key.value(), row.value().to_owned())
        };
        let (key, mut row) = last;
        row[0] = 200;
        journal.insert(key, row.as_slice()).unwrap();
    }
    write.commit().unwrap();
}

/// Returns how many runs have not begun: they are due and have no state yet.
pub(crate) fn count_pending(host: &Host) -> usize {
    let database = open(host);
    let read = database.begin_read().unwrap();
    let states = read.open_table(STATES).unwrap();
    let due = read.open_table(DUE).unwrap();
    let runs = due.iter().unwrap().map(|row| row.unwrap().0.value());
    runs.filter(|run| states.get(run).unwrap().is_none())
        .count()
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
