// Evaluates one flag of every type through the provider as it is published, and prints what an application would see.
// Each line on standard input asks once more; the end of the input is the end of the application.
import { createInterface } from "node:readline";
import { OFREPProvider } from "@openfeature/ofrep-provider";
import { OpenFeature } from "@openfeature/server-sdk";

const [baseUrl, token, tenant, environment] = process.argv.slice(2);
const headers = [
  ["Authorization", `Bearer ${token}`],
  ["Changegate-Tenant", tenant],
  ["Changegate-Environment", environment],
];
await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl, headers }));
const client = OpenFeature.getClient();
const who = { targetingKey: "user-1", plan: "pro" };
const look = async () => ({
  bool: await client.getBooleanDetails("bool", false, who),
  text: await client.getStringDetails("text", "", who),
  number: await client.getNumberDetails("float", 0, who),
  object: await client.getObjectDetails("object", {}, who),
  off: await client.getBooleanDetails("off", true, who),
  missing: await client.getBooleanDetails("missing", true, who),
});
for await (const _ of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify({ event: "look", value: await look() }));
}
await OpenFeature.close();
