using System.Diagnostics;
using System.Text.Json;

namespace Chat.Cells.Processes;

/// <summary>A cluster that <c>up</c> runs on this machine: where its router is, and which processes are its.</summary>
public sealed class LocalCluster : ICluster
{
    private static readonly string[] Supervised = ["apiserver", "pods", "services"];
    private readonly string description;
    private readonly string dataDirectory;

    private LocalCluster(string description, string dataDirectory, Uri router, string kubeconfig)
    {
        this.description = description;
        this.dataDirectory = dataDirectory;
        Router = router;
        Kubeconfig = kubeconfig;
    }

    public Uri Router { get; }

    public string Kubeconfig { get; }

    public IReadOnlyList<string> Victims { get; } = ["cell", "operator", "apiserver", "router", "bridge"];

    /// <summary>Opens the <c>cluster.json</c> of a running cluster.</summary>
    /// <exception cref="ClusterException">It isn't one; the message says what to do.</exception>
    public static LocalCluster Open(string path)
    {
        if (!File.Exists(path)) throw new ClusterException($"{path} does not exist: start a cluster with `make up`, or leave --cluster out.");
        using var json = Read(path);
        var root = json.RootElement;
        return new LocalCluster(
            path,
            root.GetProperty("dataDir").GetString()!,
            new Uri(root.GetProperty("routerUrl").GetString()!.Replace("localhost", "127.0.0.1", StringComparison.Ordinal)),
            root.GetProperty("kubeconfig").GetString()!);
    }

    /// <summary>Starts a cluster of its own in a folder, and waits until everything is ready.</summary>
    /// <param name="dataDirectory">Everything of it is there.</param>
    /// <param name="manifests">The cells; null: the two of <c>samples/two-regions.yaml</c>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ClusterException">It did not start.</exception>
    public static async Task<LocalCluster> StartAsync(string dataDirectory, string? manifests, CancellationToken cancellationToken)
    {
        var exitCode = await RunAsync(["up", "--detach", "--data", dataDirectory, "--port", "0", .. manifests is null ? Array.Empty<string>() : ["--samples", manifests]], cancellationToken);
        if (exitCode != 0) throw new ClusterException($"`up` ended with {exitCode}; its logs are in {Path.Combine(dataDirectory, "logs")}.");
        return Open(Path.Combine(dataDirectory, "cluster.json"));
    }

    /// <summary>Stops the cluster of a folder.</summary>
    public static async Task StopAsync(string dataDirectory) => await RunAsync(["down", "--data", dataDirectory], CancellationToken.None);

    /// <summary>The running processes of a role: <c>cell</c>, <c>bridge</c>, <c>router</c>, <c>operator</c> or <c>apiserver</c>.</summary>
    public IReadOnlyList<ProcessRef> Find(string role)
    {
        var found = Supervised.Contains(role) ? FindSupervised(role) : FindPods(role);
        return found.Where(p => p.IsAlive).ToArray();
    }

    private static JsonDocument Read(string path)
    {
        try
        {
            return JsonDocument.Parse(File.ReadAllBytes(path));
        }
        catch (JsonException e)
        {
            throw new ClusterException($"{path} can't be read: {e.Message}", e);
        }
    }

    private static async Task<int> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var configuration = AppContext.BaseDirectory.Contains("/Release/", StringComparison.Ordinal) ? "Release" : "Debug";
        var program = Path.Combine(Repository.Root, "operator", "Chat.Cells.LocalCluster", "bin", configuration, "net10.0", "Chat.Cells.LocalCluster.dll");
        if (!File.Exists(program)) throw new ClusterException($"{program} does not exist: build the solution first (`make build`).");
        var start = new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileName(host) == "dotnet" ? host : "dotnet") { UseShellExecute = false };
        start.ArgumentList.Add(program);
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        using var process = Process.Start(start) ?? throw new ClusterException($"{program} could not be started.");
        try
        {
            await process.WaitForExitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            process.Kill(); // `down` below stops what it had started.
            throw;
        }
        return process.ExitCode;
    }

    private List<ProcessRef> FindSupervised(string name)
    {
        if (!File.Exists(description)) return [];
        using var json = Read(description);
        var root = json.RootElement;
        return root.GetProperty("pids").TryGetProperty(name, out var pid) && root.GetProperty("startTimes").TryGetProperty(name, out var start)
            ? [new ProcessRef(name, pid.GetInt32(), start.GetInt64())]
            : [];
    }

    private List<ProcessRef> FindPods(string role)
    {
        var found = new List<ProcessRef>();
        var pods = Path.Combine(dataDirectory, "pods");
        foreach (var folder in Directory.Exists(pods) ? Directory.GetDirectories(pods) : [])
        {
            var file = Path.Combine(folder, "pod.json");
            if (!File.Exists(file)) continue;
            using var json = Read(file);
            var pod = json.RootElement.GetProperty("name").GetString()!;
            foreach (var container in json.RootElement.GetProperty("containers").EnumerateObject())
            {
                if (!IsRole(role, pod, container.Name)) continue;
                var identity = Path.Combine(folder, container.Name + ".proc");
                if (!File.Exists(identity)) continue;
                var lines = File.ReadAllLines(identity);
                if (lines.Length >= 2 && ProcessRef.Parse($"{role} {pod}", lines[1]) is { } process) found.Add(process);
            }
        }
        return found;
    }

    private static bool IsRole(string role, string pod, string container) =>
        container == role
        || role switch
        {
            "bridge" => pod.Contains("-from-", StringComparison.Ordinal),
            "router" or "operator" => pod.StartsWith(role, StringComparison.Ordinal),
            _ => false,
        };
}
