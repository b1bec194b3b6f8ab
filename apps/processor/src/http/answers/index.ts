import * as act from "./act.ts";
import * as administer from "./administer.ts";
import * as incident from "./incident.ts";
import * as other from "./other.ts";
import * as service from "./service.ts";

/** By the name that each has in the API's document. */
export const ANSWERS = { ...other, ...incident, ...service, ...act, ...administer } as const;
