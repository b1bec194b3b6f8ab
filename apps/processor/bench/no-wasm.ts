// Loaded into a server by --import: WebAssembly is missing, as where it is switched off.
Reflect.deleteProperty(globalThis, "WebAssembly");
