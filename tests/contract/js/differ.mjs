// Evaluates flags with the evaluator of flagd for JavaScript, as it is published.
// Each line on standard input is a document, contexts, and whom to evaluate for whom; each is answered by a line.
import { createInterface } from "node:readline";
import { FlagdCore } from "@openfeature/flagd-core";

const now = Number(process.argv[2]);
Date.now = () => now * 1000;
const silent = { error() {}, warn() {}, info() {}, debug() {} };
const ask = {
  boolean: (core, key, context) => core.resolveBooleanEvaluation(key, null, context, silent),
  string: (core, key, context) => core.resolveStringEvaluation(key, null, context, silent),
  integer: (core, key, context) => core.resolveNumberEvaluation(key, null, context, silent),
  float: (core, key, context) => core.resolveNumberEvaluation(key, null, context, silent),
  object: (core, key, context) => core.resolveObjectEvaluation(key, null, context, silent),
};
for await (const line of createInterface({ input: process.stdin })) {
  const { document, contexts, asked } = JSON.parse(line);
  const core = new FlagdCore(undefined, silent);
  core.setConfigurations(JSON.stringify(document));
  const told = asked.map(([key, type, place]) => {
    const found = ask[type](core, key, contexts[place]);
    return found.errorCode ? null : [found.variant ?? null, found.value ?? null, found.reason, found.flagMetadata];
  });
  console.log(JSON.stringify(told));
}
