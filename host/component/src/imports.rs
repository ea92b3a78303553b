//! Checks that the host provides what a component imports.
//!
//! Every imported item of the contract's interfaces is compared with the contract. For WASI 0.2, only the package and
//! the version are checked: WASI has many interfaces, and the engine links them all.

use wasmparser::component_types::{
    ComponentAnyTypeId, ComponentEntityType, ComponentInstanceTypeId,
};
use wasmparser::names::{ComponentName, ComponentNameKind};
use wasmparser::types::TypesRef;
use wasmparser::{Parser, Payload};

use crate::Invalid;
use crate::contract::{self, Contract};

/// The packages of WASI 0.2 that the engine links.
const WASI: [&str; 6] = ["cli", "clocks", "random", "io", "filesystem", "sockets"];

/// Checks everything that the outermost component imports. The component must be valid, and `types` must be its types.
pub(crate) fn check(
    contract: &Contract,
    types: TypesRef<'_>,
    component: &[u8],
) -> Result<(), Invalid> {
    for import in names(component).map_err(|error| Invalid::malformed(&error))? {
        check_import(contract, types, &import)?;
    }
    Ok(())
}

/// Returns the names of everything that the outermost component imports. The validator knows the type of each name but
/// does not list the names.
fn names(component: &[u8]) -> wasmparser::Result<Vec<String>> {
    let mut names = Vec::new();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    names.push(import?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(names)
}

fn check_import(contract: &Contract, types: TypesRef<'_>, import: &str) -> Result<(), Invalid> {
    if is_given_type(types, import) {
        return Ok(());
    }
    let interface = Interface::parse(import).ok_or_else(|| Invalid::ImportName {
        import: import.to_owned(),
    })?;
    if interface.package == contract::PACKAGE {
        return check_contract(contract, types, import, &interface);
    }
    match interface.package.strip_prefix("wasi:") {
        Some("http") => Err(Invalid::WasiHttp {
            import: import.to_owned(),
        }),
        Some(package) if WASI.contains(&package) => check_wasi(import, &interface),
        _ => Err(Invalid::UnknownPackage {
            import: import.to_owned(),
            package: interface.package,
        }),
    }
}

/// Returns whether an import is only a type. A world that uses types of an interface also imports each type under its
/// plain name, as equal to the interface's type. The host has nothing to provide for such an import.
fn is_given_type(types: TypesRef<'_>, import: &str) -> bool {
    matches!(
        types.component_item_for_import(import).map(|item| item.ty),
        Some(ComponentEntityType::Type {
            created: ComponentAnyTypeId::Defined(_),
            ..
        })
    )
}

/// The parts of the name of an imported interface, `package/interface@version`.
struct Interface {
    package: String,
    version: String,
}

impl Interface {
    fn parse(import: &str) -> Option<Self> {
        let name = ComponentName::new(import, 0).ok()?;
        let ComponentNameKind::Interface(interface) = name.kind() else {
            return None;
        };
        let (_, version) = import.split_once('@').unwrap_or((import, ""));
        Some(Self {
            package: format!("{}:{}", interface.namespace(), interface.package()),
            version: version.to_owned(),
        })
    }
}

/// Checks the version of an interface of WASI. Any patch release of 0.2 is accepted, since each only adds to the one
/// before.
fn check_wasi(import: &str, interface: &Interface) -> Result<(), Invalid> {
    let patch = interface.version.strip_prefix("0.2.").unwrap_or("");
    if !patch.is_empty() && patch.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(Invalid::WasiVersion {
        import: import.to_owned(),
    })
}

fn check_contract(
    contract: &Contract,
    types: TypesRef<'_>,
    import: &str,
    interface: &Interface,
) -> Result<(), Invalid> {
    if interface.version != contract::VERSION {
        return Err(Invalid::ContractVersion {
            import: import.to_owned(),
            given: contract::VERSION.to_owned(),
        });
    }
    let given = contract.world().imports.get(import).map(|item| item.ty);
    let wanted = types.component_item_for_import(import).map(|item| item.ty);
    match (given, wanted) {
        (
            Some(ComponentEntityType::Instance(given)),
            Some(ComponentEntityType::Instance(wanted)),
        ) => check_items(contract, types, import, given, wanted),
        _ => Err(Invalid::UnknownInterface {
            import: import.to_owned(),
        }),
    }
}

/// Checks the items that a component imports of an interface. A component may import some items and not others.
fn check_items(
    contract: &Contract,
    types: TypesRef<'_>,
    import: &str,
    given: ComponentInstanceTypeId,
    wanted: ComponentInstanceTypeId,
) -> Result<(), Invalid> {
    let given = &contract.types()[given].exports;
    for (item, wanted) in &types[wanted].exports {
        let given = given.get(item).ok_or_else(|| Invalid::UnknownItem {
            import: import.to_owned(),
            item: item.clone(),
        })?;
        contract
            .compare(types, &wanted.ty, &given.ty)
            .map_err(|reason| Invalid::ItemType {
                import: import.to_owned(),
                item: item.clone(),
                reason,
            })?;
    }
    Ok(())
}
