# nix run github:bise-sh/bise
#
# Builds bise without the built-in engine, whose C++ needs files that Nix cannot fetch during a build. Models run on
# llama-server, which is on bise's PATH here. "nix develop" has what a build with the engine needs (make build).
# Untested: the project has no machine with Nix. When go.mod changes, so does vendorHash; Nix prints the new one.
{
  description = "Terminal assistant that runs Mistral's models on your own machine";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { self, nixpkgs }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" "x86_64-darwin" "aarch64-darwin" ];
      each = f: nixpkgs.lib.genAttrs systems (system: f nixpkgs.legacyPackages.${system});
      version = "0.1.0-${self.shortRev or "dirty"}";
    in
    {
      packages = each (pkgs: {
        default = pkgs.buildGoModule {
          pname = "bise";
          inherit version;
          src = self;
          vendorHash = "sha256-KEHGwdxFOmmIf6WXijrlzJs4Z0W+tNWeWCpyP6iHyyg=";
          env.CGO_ENABLED = 0;
          subPackages = [ "." ];
          ldflags = [ "-s" "-w" "-X github.com/bise-sh/bise/cli/build.version=v${version}" ];
          doCheck = false; # the tests of this folder read the repository
          nativeBuildInputs = [ pkgs.installShellFiles pkgs.makeWrapper ];
          postInstall = ''
            installShellCompletion --cmd bise \
              --bash <($out/bin/bise completion bash) \
              --zsh <($out/bin/bise completion zsh) \
              --fish <($out/bin/bise completion fish)
            $out/bin/bise man >bise.1
            installManPage bise.1
            install -Dm644 -t $out/share/doc/bise LICENSE NOTICE THIRD_PARTY_NOTICES.txt
            wrapProgram $out/bin/bise --suffix PATH : ${pkgs.lib.makeBinPath [ pkgs.llama-cpp ]}
          '';
          meta = {
            homepage = "https://github.com/bise-sh/bise";
            license = pkgs.lib.licenses.asl20;
            mainProgram = "bise";
          };
        };
      });

      devShells = each (pkgs: {
        default = pkgs.mkShell {
          packages = [ pkgs.go pkgs.gnumake pkgs.cmake pkgs.ninja pkgs.git pkgs.nlohmann_json pkgs.stb ];
        };
      });
    };
}
