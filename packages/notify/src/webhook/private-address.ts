import { BlockList, isIP } from "node:net";

/** Not on the public internet: this machine, private networks, link-local with cloud metadata, and reserved ranges (IANA's special-purpose registries). */
const PRIVATE_V4 = [
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"],
  ...["172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"],
  ...["198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"],
] as const;

/** Those that carry an IPv4 address inside are refused whole: what they lead to depends on who routes them. */
const PRIVATE_V6 = [
  ...["::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32"],
  ...["2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"],
] as const;

/** Hosts that may be reached although they are not public. */
export interface AllowedHosts {
  readonly names: ReadonlySet<string>;
  readonly addresses: BlockList;
  /** What is not public. */
  readonly refused: BlockList;
}

/**
 * Reads host names, addresses and networks such as `10.1.0.0/16`, separated by commas. Null: one of them is
 * none of these.
 */
export function parseAllowedHosts(list: string): AllowedHosts | null {
  const names = new Set<string>();
  const addresses = new BlockList();
  for (const each of list.split(",")) {
    const entry = each.trim().toLowerCase();
    if (entry === "") continue;
    if (isIP(bare(entry)) > 0 || entry.includes("/")) {
      if (!addRange(addresses, entry)) return null;
    } else if (/^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/.test(entry)) {
      names.add(entry);
    } else {
      return null;
    }
  }
  const refused = new BlockList();
  for (const range of [...PRIVATE_V4, ...PRIVATE_V6]) addRange(refused, range);
  return { names, addresses, refused };
}

/** True when a webhook may be sent to this address of this host. */
export function mayReach(address: string, host: string, allowed: AllowedHosts): boolean {
  const plain = unmapped(bare(address));
  const family = isIP(plain) === 6 ? "ipv6" : "ipv4";
  if (allowed.names.has(bare(host).toLowerCase()) || allowed.addresses.check(plain, family)) {
    return true;
  }
  return isIP(plain) > 0 && !allowed.refused.check(plain, family);
}

function addRange(list: BlockList, range: string): boolean {
  const [network = "", length] = range.split("/");
  const plain = bare(network);
  const version = isIP(plain);
  const bitsMax = version === 6 ? 128 : 32;
  const bits = length === undefined ? bitsMax : Number(length);
  if (version === 0 || !Number.isInteger(bits) || bits < 0 || bits > bitsMax) return false;
  list.addSubnet(plain, bits, version === 6 ? "ipv6" : "ipv4");
  return true;
}

/** An IPv6 address without its brackets and its zone. */
function bare(host: string): string {
  return host.replace(/^\[|\]$/g, "").replace(/%.*$/, "");
}

/** `::ffff:10.0.0.1`, in either spelling, is the IPv4 address in it. */
function unmapped(address: string): string {
  if (isIP(address) !== 6) return address;
  const url = URL.parse(`http://[${address}]/`);
  const words = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(url?.hostname ?? "");
  if (words === null) return address;
  const [high, low] = [Number.parseInt(words[1] ?? "", 16), Number.parseInt(words[2] ?? "", 16)];
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}
