// Evaluates in its own process what flagd's provider, as it is published, was streamed, and prints what it sees.
// Each line on standard input asks once more; the end of the input is the end of the application.
import { createInterface } from "node:readline";
import { FlagdProvider } from "@openfeature/flagd-provider";
import { OpenFeature } from "@openfeature/server-sdk";

const [host, port, selector] = process.argv.slice(2);
const provider = new FlagdProvider({
  resolverType: "in-process",
  host,
  port: Number(port),
  selector,
  deadlineMs: 30_000,
  retryBackoffMs: 100,
  retryBackoffMaxMs: 200,
});
await OpenFeature.setProviderAndWait(provider);
const client = OpenFeature.getClient();
const look = () => client.getBooleanDetails("checkout", false, { targetingKey: "user-1", plan: "pro" });
for await (const _ of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify({ event: "look", value: await look() }));
}
await OpenFeature.close();
process.exit();
