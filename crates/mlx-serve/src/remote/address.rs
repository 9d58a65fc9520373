//! Which addresses all may reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network: its first address, and how many bits all of its addresses share.
type Net4 = ([u8; 4], u32);
type Net6 = ([u16; 2], u32);

/// What IANA's registry of special purposes has, of multicast and of what is reserved, and where a cloud answers its own.
const SPECIAL4: [Net4; 17] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([168, 63, 129, 16], 32),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 31, 196, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// All that is given out; what carries addresses of IPv4 or stands for other networks is outside or below.
const GLOBAL6: Net6 = ([0x2000, 0], 3);

/// Parts of it that are for protocols, tunnels and examples.
const SPECIAL6: [Net6; 4] = [([0x2001, 0], 23), ([0x2001, 0x0db8], 32), ([0x2002, 0], 16), ([0x3fff, 0], 20)];

/// Whether all may reach an address: it is no loopback, private, link-local, shared, multicast or reserved one, and none
/// that stands for another.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL4.iter().any(|net| in4(address, *net)),
        IpAddr::V6(address) => in6(address, GLOBAL6) && !SPECIAL6.iter().any(|net| in6(address, *net)),
    }
}

fn in4(address: Ipv4Addr, (first, bits): Net4) -> bool {
    let differ = address.to_bits() ^ Ipv4Addr::from(first).to_bits();
    differ.leading_zeros() >= bits
}

fn in6(address: Ipv6Addr, ([first, second], bits): Net6) -> bool {
    let differ = address.to_bits() ^ Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0).to_bits();
    differ.leading_zeros() >= bits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(address: &str) -> bool {
        is_public(address.parse().unwrap())
    }

    #[test]
    fn addresses_of_the_internet_are_public() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "168.63.129.17",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450:4001:81b::200e",
            "2001:4860:4860::8888",
        ] {
            assert!(public(address), "{address}");
        }
    }

    #[test]
    fn addresses_of_this_machine_and_its_networks_are_not() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.255",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.19.255.255",
            "203.0.113.7",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "3fff::1",
        ] {
            assert!(!public(address), "{address}");
        }
    }

    #[test]
    fn addresses_that_stand_for_others_are_not() {
        for address in [
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::a00:1",
            "2002:7f00:1::",
        ] {
            assert!(!public(address), "{address}");
        }
    }
}
