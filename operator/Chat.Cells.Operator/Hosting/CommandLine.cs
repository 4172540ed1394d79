using System.CommandLine;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Api.Schema;

namespace Chat.Cells.Operator.Hosting;

/// <summary>Verbs and flags. Each flag may come from the environment instead: <c>CHATCELLS_CELL_IMAGE</c> for <c>--cell-image</c>.</summary>
public static class CommandLine
{
    /// <summary>The whole command line.</summary>
    public static RootCommand Build()
    {
        var root = new RootCommand("Chat.Cells operator: provisions chat cells from ChatCell resources.");
        var defaults = new OperatorOptions();
        var ns = Text("--namespace", "The operator's namespace, for its lease and the cell map", Environment.GetEnvironmentVariable("POD_NAMESPACE") ?? defaults.Namespace);
        var kubeconfig = Text("--kubeconfig", "Kubeconfig file; else KUBECONFIG, the cluster that the process is in, or ~/.kube/config", string.Empty);
        var listen = Text("--listen", "Where /healthz, /readyz and /metrics are served", defaults.Listen);
        var cellImage = Text("--cell-image", "Image of cells", defaults.CellImage);
        var bridgeImage = Text("--bridge-image", "Image of bridges", defaults.BridgeImage);
        var origins = Text("--allowed-origins", "Browser origins that cells accept, separated by commas", defaults.AllowedOrigins);
        var identity = Text("--identity", "Name of this process in leader election", Environment.GetEnvironmentVariable("POD_NAME") is { Length: > 0 } pod ? $"{pod}-{Guid.NewGuid():N}" : defaults.Identity);
        var election = new Option<bool>("--leader-election") { Description = "Run only while holding the lease", DefaultValueFactory = _ => FromEnvironment("--leader-election") is not { } text || bool.Parse(text) };
        var workers = new Option<int>("--workers") { Description = "Cells reconciled at once", DefaultValueFactory = _ => Number("--workers", defaults.Workers) };
        var settle = new Option<int>("--drain-settle-seconds") { Description = "How long a drained cell waits before its users are counted", DefaultValueFactory = _ => Number("--drain-settle-seconds", (int)defaults.DrainSettle.TotalSeconds) };

        Option[] options = [ns, kubeconfig, listen, cellImage, bridgeImage, origins, identity, election, workers, settle];
        var run = new Command("run", "Run the operator (the default)");
        foreach (var command in new Command[] { root, run })
        {
            foreach (var option in options)
            {
                command.Options.Add(option);
            }
            command.SetAction((result, cancellationToken) => OperatorHost.RunAsync(
                new OperatorOptions
                {
                    Namespace = result.GetValue(ns)!,
                    Listen = result.GetValue(listen)!,
                    CellImage = result.GetValue(cellImage)!,
                    BridgeImage = result.GetValue(bridgeImage)!,
                    AllowedOrigins = result.GetValue(origins)!,
                    Identity = result.GetValue(identity)!,
                    LeaderElection = result.GetValue(election),
                    Workers = result.GetValue(workers),
                    DrainSettle = TimeSpan.FromSeconds(result.GetValue(settle)),
                },
                result.GetValue(kubeconfig) is { Length: > 0 } path ? path : null,
                cancellationToken));
        }
        root.Subcommands.Add(run);
        root.Subcommands.Add(Crd());
        return root;
    }

    private static Command Crd()
    {
        var output = new Option<FileInfo?>("--output") { Description = "File to write; the standard output when not given" };
        var check = new Option<bool>("--check") { Description = "Write nothing; fail when the file differs" };
        var crd = new Command("crd", "Write the CustomResourceDefinition of ChatCell") { output, check };
        crd.SetAction(async (result, cancellationToken) =>
        {
            var yaml = CrdGenerator.Yaml<ChatCell>();
            if (result.GetValue(output) is not { } file)
            {
                await Console.Out.WriteAsync(yaml.AsMemory(), cancellationToken);
                return 0;
            }
            if (!result.GetValue(check))
            {
                await File.WriteAllTextAsync(file.FullName, yaml, cancellationToken);
                return 0;
            }
            if (file.Exists && await File.ReadAllTextAsync(file.FullName, cancellationToken) == yaml)
            {
                return 0;
            }
            await Console.Error.WriteLineAsync($"{file} is not what the C# type says: run `make crds` and commit the result.".AsMemory(), cancellationToken);
            return 1;
        });
        return crd;
    }

    private static Option<string> Text(string name, string description, string byDefault) =>
        new(name) { Description = description, DefaultValueFactory = _ => FromEnvironment(name) ?? byDefault };

    private static int Number(string name, int byDefault) =>
        FromEnvironment(name) is { } text ? int.Parse(text, System.Globalization.CultureInfo.InvariantCulture) : byDefault;

    private static string? FromEnvironment(string option) =>
        Environment.GetEnvironmentVariable("CHATCELLS_" + option.TrimStart('-').Replace('-', '_').ToUpperInvariant()) is { Length: > 0 } value ? value : null;
}
