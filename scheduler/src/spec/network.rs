//! A network that services share, as clients ask for it: Docker's `NetworkCreateRequest`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{SpecError, json::null_default};

/// Most labels and options of a network, together.
const NAMES_MAX: usize = 1_000;
/// Names that every engine has for networks of its own.
pub const PREDEFINED_NETWORKS: [&str; 4] = ["host", "none", "bridge", "default"];

/// A network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkSpec {
    /// Its name.
    #[serde(deserialize_with = "null_default")]
    pub name: String,
    /// `overlay`, also when empty.
    #[serde(deserialize_with = "null_default")]
    pub driver: String,
    /// Labels.
    #[serde(deserialize_with = "null_default")]
    pub labels: BTreeMap<String, String>,
    /// Options of the driver.
    #[serde(deserialize_with = "null_default")]
    pub options: BTreeMap<String, String>,
    /// Whether containers that belong to no service may be attached.
    #[serde(deserialize_with = "null_default")]
    pub attachable: bool,
    /// Whether it has no way out.
    #[serde(deserialize_with = "null_default")]
    pub internal: bool,
    /// Whether it is the one by which published ports are reached.
    #[serde(deserialize_with = "null_default")]
    pub ingress: bool,
    /// Whether it has IPv6 addresses.
    #[serde(rename = "EnableIPv6", deserialize_with = "null_default")]
    pub enable_ipv6: bool,
    /// Its addresses.
    #[serde(rename = "IPAM", deserialize_with = "null_default")]
    pub ipam: Ipam,
}

/// Where a network's addresses come from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Ipam {
    /// `default`, also when empty.
    #[serde(deserialize_with = "null_default")]
    pub driver: String,
    /// Its subnets. None: one of those that are free.
    #[serde(deserialize_with = "null_default")]
    pub config: Vec<IpamConfig>,
}

/// One subnet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct IpamConfig {
    /// The subnet, such as `10.0.1.0/24`.
    #[serde(
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub subnet: String,
    /// The part of it from which addresses are given.
    #[serde(
        rename = "IPRange",
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub ip_range: String,
    /// The address of its gateway.
    #[serde(
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub gateway: String,
}

impl NetworkSpec {
    /// Checks what must hold of every network before it is written.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn validate(&self) -> Result<(), SpecError> {
        let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        let begins_well = self
            .name
            .starts_with(|one: char| one.is_ascii_alphanumeric());
        if self.name.is_empty() {
            return Err(SpecError::NoName);
        }
        if self.name.len() > 128 || !begins_well || !self.name.bytes().all(is_fine) {
            return Err(SpecError::NetworkName(self.name.clone()));
        }
        if PREDEFINED_NETWORKS.contains(&self.name.as_str()) {
            return Err(SpecError::PredefinedNetwork(self.name.clone()));
        }
        if !matches!(self.driver.as_str(), "" | "overlay") {
            return Err(SpecError::NetworkDriver(self.driver.clone()));
        }
        if self.labels.len() + self.options.len() > NAMES_MAX {
            return Err(SpecError::TooManyLabels(NAMES_MAX));
        }
        let bad = self.ipam.config.iter().find(|one| !is_subnet(&one.subnet));
        match bad {
            Some(bad) => Err(SpecError::Subnet(bad.subnet.clone())),
            None => Ok(()),
        }
    }
}

/// An address and a length, or nothing.
fn is_subnet(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else {
        return text.is_empty();
    };
    let longest = match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(_)) => 32,
        Ok(std::net::IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    length.parse::<u8>().is_ok_and(|length| length <= longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<(), SpecError> {
        serde_json::from_str::<NetworkSpec>(text)
            .unwrap()
            .validate()
    }

    #[test]
    fn a_network_that_no_node_could_make_is_refused() {
        assert_eq!(
            checked(r#"{"Name":"app_default","Labels":null,"IPAM":null}"#),
            Ok(())
        );
        let full = r#"{"Name":"a","Driver":"overlay","IPAM":{"Config":[{"Subnet":"10.1.0.0/24"},{"Subnet":"fd00::/64"}]}}"#;
        assert_eq!(checked(full), Ok(()));
        for (bad, why) in [
            (r#"{"Name":""}"#, SpecError::NoName),
            (r#"{"Name":"-a"}"#, SpecError::NetworkName("-a".into())),
            (r#"{"Name":"a b"}"#, SpecError::NetworkName("a b".into())),
            (
                r#"{"Name":"host"}"#,
                SpecError::PredefinedNetwork("host".into()),
            ),
            (
                r#"{"Name":"a","Driver":"macvlan"}"#,
                SpecError::NetworkDriver("macvlan".into()),
            ),
            (
                r#"{"Name":"a","IPAM":{"Config":[{"Subnet":"10.1.0.0/33"}]}}"#,
                SpecError::Subnet("10.1.0.0/33".into()),
            ),
        ] {
            assert_eq!(checked(bad), Err(why), "{bad}");
        }
    }
}
