import { ACT_ANSWERS } from "./act.ts";
import { ADMINISTER_ANSWERS } from "./administer.ts";
import { INCIDENT_ANSWERS } from "./incident.ts";
import { OTHER_ANSWERS } from "./other.ts";
import { SERVICE_ANSWERS } from "./service.ts";

/** Shapes of what the API answers, by the name that each has in its document; a test holds the real answers to them. */
export const ANSWERS = {
  ...OTHER_ANSWERS,
  ...INCIDENT_ANSWERS,
  ...SERVICE_ANSWERS,
  ...ACT_ANSWERS,
  ...ADMINISTER_ANSWERS,
} as const;
