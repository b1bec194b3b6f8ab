// Validates the Kubernetes objects on stdin (a JSON array) against Kubernetes' own schemas; prints `kind: ok\n` each.
import { Deployment } from "kubernetes-models/apps/v1";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicy";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import { Service } from "kubernetes-models/v1/Service";

const KINDS = { Deployment, NetworkPolicy, PodDisruptionBudget, Service };
let text = "";
for await (const chunk of process.stdin) text += chunk;
for (const object of JSON.parse(text)) {
  try {
    const Kind = KINDS[object.kind];
    if (Kind === undefined) throw new Error("no schema");
    new Kind(object).validate();
    process.stdout.write(`${object.kind}: ok\n`);
  } catch (error) {
    process.stdout.write(`${object.kind}: ${error.message}\n`);
  }
}
