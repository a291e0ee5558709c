// Drives a language server with Microsoft's own client library, and prints what
// it suggests: node inline.mjs SERVER
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
const require = createRequire(import.meta.url)
const p = require('vscode-languageserver-protocol/node')

const server = spawn(process.argv[2], [], { stdio: ['pipe', 'pipe', 'inherit'] })
const c = p.createProtocolConnection(server.stdout, server.stdin)
c.listen()
const { capabilities } = await c.sendRequest(p.InitializeRequest.type, {
  processId: process.pid, rootUri: null, capabilities: { textDocument: { inlineCompletion: {} } },
})
if (!capabilities.inlineCompletionProvider || capabilities.positionEncoding !== p.PositionEncodingKind.UTF16) process.exit(2)
await c.sendNotification(p.InitializedNotification.type, {})
const uri = 'file:///tmp/add.go'
await c.sendNotification(p.DidOpenTextDocumentNotification.type, {
  textDocument: { uri, languageId: 'go', version: 1, text: 'package add\n\n// 𝄞\nfunc add(a, b int) int {\n\n}\n' },
})
await c.sendNotification(p.DidChangeTextDocumentNotification.type, {
  textDocument: { uri, version: 2 },
  contentChanges: [
    { range: { start: { line: 2, character: 3 }, end: { line: 2, character: 5 } }, text: 'é' },
    { range: { start: { line: 4, character: 0 }, end: { line: 4, character: 0 } }, text: '\tre' },
  ],
})
const ask = (triggerKind, token) => c.sendRequest(p.InlineCompletionRequest.type, {
  textDocument: { uri }, position: { line: 4, character: 3 }, context: { triggerKind },
}, token)
const cancelled = new p.CancellationTokenSource()
const gone = ask(p.InlineCompletionTriggerKind.Automatic, cancelled.token).catch((e) => e.code)
cancelled.cancel()
const code = await gone
if (code !== p.LSPErrorCodes.RequestCancelled && code !== p.LSPErrorCodes.ContentModified && !code?.items) process.exit(3)
for (const kind of [p.InlineCompletionTriggerKind.Automatic, p.InlineCompletionTriggerKind.Invoked]) {
  const list = await ask(kind)
  console.log(JSON.stringify(list.items.map((i) => i.insertText)))
}
await c.sendRequest(p.ShutdownRequest.type)
await c.sendNotification(p.ExitNotification.type)
server.on('exit', (code) => process.exit(code))
