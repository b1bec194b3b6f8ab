import { BlockList, isIP } from "node:net";

/** Addresses and networks, separated by commas, such as `127.0.0.1, 10.0.0.0/8, fd00::/8`; null when one is none. */
export function parseTrustedProxies(list: string): BlockList | null {
  const proxies = new BlockList();
  for (const each of list.split(",").map((text) => text.trim())) {
    const [address = "", bits, ...rest] = each.split("/");
    const version = isIP(address);
    const most = version === 6 ? 128 : 32;
    const length = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : most + 1;
    if (version === 0 || rest.length > 0 || length > most) return null;
    proxies.addSubnet(address, length, version === 6 ? "ipv6" : "ipv4");
  }
  return proxies;
}
