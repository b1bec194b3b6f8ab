// Loaded before anything else of a process under test: see guard.ts.
import { installNetworkGuard } from "./guard.ts";

installNetworkGuard({ environment: process.env });
