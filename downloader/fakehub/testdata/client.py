"""Asks a fake hub all that huggingface_hub can ask, and says what came of it, a line each."""
import os
import sys

from huggingface_hub import HfApi, hf_hub_download, snapshot_download, get_hf_file_metadata, hf_hub_url
from huggingface_hub import errors

api = HfApi()
ann, bob, folder = sys.argv[1:4]


def say(name, make):
    try:
        print(name, make())
    except Exception as e:
        print(name, type(e).__name__)


say("info", lambda: api.model_info("acme/tiny").sha)
say("renamed", lambda: api.model_info("acme/old").id)
say("sizes", lambda: sum(s.size for s in api.model_info("acme/plain", files_metadata=True).siblings))
say("pr", lambda: len(api.model_info("acme/tiny", revision="refs/pr/1").siblings))
say("tree", lambda: sum(1 for _ in api.list_repo_tree("acme/many", recursive=True)))
say("folder", lambda: [e.path for e in api.list_repo_tree("acme/tiny", "sub/dir")])
say("expanded", lambda: [e.security["status"] for e in api.list_repo_tree("acme/tiny", "sub/dir", expand=True)])
say("paths", lambda: [e.lfs.size for e in api.get_paths_info("acme/tiny", ["tiny-Q8_0.gguf", "none"])])
say("refs", lambda: [b.name for b in api.list_repo_refs("acme/tiny").branches])
say("metadata", lambda: get_hf_file_metadata(hf_hub_url("acme/tiny", "tiny-Q8_0.gguf")).size)
say("small", lambda: get_hf_file_metadata(hf_hub_url("acme/tiny", "config.json")).size)
say("download", lambda: os.path.getsize(hf_hub_download("acme/tiny", "sub/dir/weird name+%&#é.txt")))
say("empty", lambda: os.path.getsize(hf_hub_download("acme/tiny", "empty.txt")))
say("snapshot", lambda: len(os.listdir(snapshot_download("acme/plain", local_dir=folder))))
say("solo", lambda: os.path.getsize(hf_hub_download("solo", "LICENSE")))
say("whoami", lambda: api.whoami(token=ann)["name"])
say("allowed", lambda: api.auth_check("acme/gated", token=ann))
say("private", lambda: os.path.getsize(hf_hub_download("acme/private", "config.json", token=ann)))
say("gated", lambda: hf_hub_download("acme/gated", "model-Q4_K_M.gguf", token=bob))
say("forbidden", lambda: api.auth_check("acme/gated", token=bob))
say("no repository", lambda: api.model_info("acme/none", token=ann))
say("no revision", lambda: api.model_info("acme/tiny", revision="none"))
say("no entry", lambda: hf_hub_download("acme/tiny", "none"))
