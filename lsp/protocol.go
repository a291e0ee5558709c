package lsp

import "encoding/json"

// The types of the Language Server Protocol 3.18 that the server uses.

type initializeParams struct {
	RootURI          string            `json:"rootUri"`
	WorkspaceFolders []workspaceFolder `json:"workspaceFolders"`
	Capabilities     struct {
		General struct {
			PositionEncodings []encoding `json:"positionEncodings"`
		} `json:"general"`
		TextDocument struct {
			InlineCompletion *struct{} `json:"inlineCompletion"`
		} `json:"textDocument"`
	} `json:"capabilities"`
}

type initializeResult struct {
	Capabilities capabilities `json:"capabilities"`
	ServerInfo   serverInfo   `json:"serverInfo"`
}

type serverInfo struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

type capabilities struct {
	PositionEncoding         encoding           `json:"positionEncoding"`
	TextDocumentSync         syncOptions        `json:"textDocumentSync"`
	InlineCompletionProvider bool               `json:"inlineCompletionProvider"`
	CompletionProvider       *completionOptions `json:"completionProvider,omitempty"`
	Workspace                workspaceOptions   `json:"workspace"`
}

type syncOptions struct {
	OpenClose bool `json:"openClose"`
	Change    int  `json:"change"`
	Save      bool `json:"save"`
}

// incremental is TextDocumentSyncKind.Incremental.
const incremental = 2

type completionOptions struct {
	TriggerCharacters []string `json:"triggerCharacters"`
}

type workspaceOptions struct {
	WorkspaceFolders struct {
		Supported           bool `json:"supported"`
		ChangeNotifications bool `json:"changeNotifications"`
	} `json:"workspaceFolders"`
}

type workspaceFolder struct {
	URI  string `json:"uri"`
	Name string `json:"name"`
}

type didChangeWorkspaceFoldersParams struct {
	Event struct {
		Added   []workspaceFolder `json:"added"`
		Removed []workspaceFolder `json:"removed"`
	} `json:"event"`
}

type position struct {
	Line      int `json:"line"`
	Character int `json:"character"`
}

type span struct {
	Start position `json:"start"`
	End   position `json:"end"`
}

type textDocument struct {
	URI        string `json:"uri"`
	LanguageID string `json:"languageId"`
	Text       string `json:"text"`
}

type didOpenParams struct {
	TextDocument textDocument `json:"textDocument"`
}

// didParams are the parameters of didClose and didSave.
type didParams struct {
	TextDocument textDocument `json:"textDocument"`
}

type didChangeParams struct {
	TextDocument   textDocument `json:"textDocument"`
	ContentChanges []change     `json:"contentChanges"`
}

// A change replaces a range, or the whole text if Range is nil.
type change struct {
	Range *span  `json:"range"`
	Text  string `json:"text"`
}

type completionParams struct {
	TextDocument textDocument `json:"textDocument"`
	Position     position     `json:"position"`
	Context      struct {
		TriggerKind            int `json:"triggerKind"`
		SelectedCompletionInfo *struct {
			Range span   `json:"range"`
			Text  string `json:"text"`
		} `json:"selectedCompletionInfo"`
	} `json:"context"`
}

// inlineInvoked is InlineCompletionTriggerKind.Invoked: an explicit request of the user.
const inlineInvoked = 1

type inlineCompletionItem struct {
	InsertText string `json:"insertText"`
	Range      span   `json:"range"`
}

type inlineCompletionList struct {
	Items []inlineCompletionItem `json:"items"`
}

type completionList struct {
	IsIncomplete bool             `json:"isIncomplete"`
	Items        []completionItem `json:"items"`
}

type completionItem struct {
	Label         string        `json:"label"`
	Kind          int           `json:"kind"`
	Detail        string        `json:"detail"`
	Documentation markupContent `json:"documentation"`
	SortText      string        `json:"sortText"`
	FilterText    string        `json:"filterText"`
	TextEdit      textEdit      `json:"textEdit"`
}

// kindText is CompletionItemKind.Text.
const kindText = 1

type markupContent struct {
	Kind  string `json:"kind"`
	Value string `json:"value"`
}

type textEdit struct {
	Range   span   `json:"range"`
	NewText string `json:"newText"`
}

type cancelParams struct {
	ID json.RawMessage `json:"id"`
}

type showMessageParams struct {
	Type    int    `json:"type"`
	Message string `json:"message"`
}

// messageError is MessageType.Error.
const messageError = 1
