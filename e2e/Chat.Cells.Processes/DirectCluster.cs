using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Chat.Cells.Topology;

namespace Chat.Cells.Processes;

/// <summary>
/// Two cells, the bridges between them and a router as plain processes, without a Kubernetes API: what a developer of the servers runs against.
/// Everything has a loopback port of its own; killed processes are started again.
/// </summary>
public sealed class DirectCluster : ICluster, IAsyncDisposable
{
    private static readonly (string Name, int Number, string Region)[] Cells = [("eu-west-1", 1, "eu-west"), ("us-east-1", 2, "us-east")];
    private static readonly TimeSpan ReadyBound = TimeSpan.FromSeconds(90);
    private readonly List<(string Role, ServerProcess Process)> processes = [];
    private readonly HashSet<int> ports = [];
    private readonly string data;

    private DirectCluster(string data, int port)
    {
        this.data = data;
        Router = new Uri($"http://127.0.0.1:{port.ToString(CultureInfo.InvariantCulture)}");
    }

    public Uri Router { get; }

    public IReadOnlyList<string> Victims { get; } = ["cell", "router", "bridge"];

    public IReadOnlyList<ProcessRef> Find(string role) =>
        processes.Where(p => p.Role == role).Select(p => p.Process.Current).OfType<ProcessRef>().Where(p => p.IsAlive).ToArray();

    /// <summary>Starts everything, and waits until the router finds both cells healthy.</summary>
    /// <param name="data">A folder for all of it.</param>
    /// <param name="messagesPerMinute">The cells' limit per user; 0: none.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ClusterException">Something is not built, or did not become ready.</exception>
    public static async Task<DirectCluster> StartAsync(string data, int messagesPerMinute, CancellationToken cancellationToken)
    {
        var cluster = new DirectCluster(data, FreePort());
        try
        {
            await cluster.StartAllAsync(messagesPerMinute, cancellationToken);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(processes.Select(p => p.Process.DisposeAsync().AsTask()));
        processes.Clear();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static string NewToken() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));

    private static string ProgramOf(string folder, string name)
    {
        var configuration = AppContext.BaseDirectory.Contains("/Release/", StringComparison.Ordinal) ? "Release" : "Debug";
        var path = Path.Combine(Repository.Root, folder, name, "bin", configuration, "net10.0", name + ".dll");
        return File.Exists(path) ? path : throw new ClusterException($"{path} does not exist: build the solution first (`make build`).");
    }

    private string Url(int port) => $"http://127.0.0.1:{port.ToString(CultureInfo.InvariantCulture)}";

    private int NextPort()
    {
        int port;
        do
        {
            port = FreePort();
        }
        while (!ports.Add(port));
        return port;
    }

    private async Task StartAllAsync(int messagesPerMinute, CancellationToken cancellationToken)
    {
        var map = Path.Combine(data, CellMapFile.FileName);
        Directory.CreateDirectory(data);
        var endpoints = Cells.ToDictionary(c => c.Name, _ => (Public: NextPort(), Internal: NextPort()));
        var keys = Cells.ToDictionary(c => c.Name, c => WriteSecrets(c.Name));
        CellMapFile.Write(map, CellMap.Create(
            1,
            Cells.Select(c => new CellEntry(
                c.Name, c.Number, c.Region, 100, CellState.Active, null, new CellEndpoints(new Uri(Url(endpoints[c.Name].Public)), new Uri(Url(endpoints[c.Name].Internal))), [keys[c.Name]])).ToArray(),
            Cells.ToDictionary(c => c.Region, c => (IReadOnlyList<HandleShardRange>)[new HandleShardRange(0, 255, c.Name)]),
            Cells.ToDictionary(c => c.Name, c => c.Number)));
        foreach (var (name, number, region) in Cells)
        {
            Add("cell", name, ProgramOf("cell", "Chat.Cells.Cell"),
            [
                "--cell", name, "--number", number.ToString(CultureInfo.InvariantCulture), "--region", region, "--data", Path.Combine(data, name), "--secrets", Secrets(name),
                "--public", Url(endpoints[name].Public), "--internal", Url(endpoints[name].Internal), "--cell-map", map,
                "--messages-per-minute", messagesPerMinute.ToString(CultureInfo.InvariantCulture), "--password-iterations", "1000",
            ]);
        }
        foreach (var (source, _, _) in Cells)
        {
            foreach (var (target, _, _) in Cells.Where(c => c.Name != source))
            {
                Add("bridge", $"{target}-from-{source}", ProgramOf("cell", "Chat.Cells.Bridge"),
                [
                    "--source", source, "--target", target, "--source-url", Url(endpoints[source].Internal), "--target-url", Url(endpoints[target].Internal),
                    "--secrets", Secrets($"{target}-from-{source}"), "--listen", Url(NextPort()),
                ]);
            }
        }
        Add("router", "router", ProgramOf("router", "Chat.Cells.Router"),
            ["--listen", Router.GetLeftPart(UriPartial.Authority), "--internal", Url(NextPort()), "--cell-map", map, "--sign-ups-per-minute", "0", "--log-ins-per-minute", "0"]);
        foreach (var (_, process) in processes) process.Start();
        await WaitUntilHealthyAsync([.. endpoints.Values.Select(e => new Uri($"{Url(e.Internal)}/readyz"))], cancellationToken);
    }

    private string Secrets(string name) => Path.Combine(data, "secrets", name);

    private CellKey WriteSecrets(string cell)
    {
        const string kid = "k1";
        var folder = Secrets(cell);
        Directory.CreateDirectory(folder);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        File.WriteAllText(Path.Combine(folder, $"signing-{kid}.pem"), key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(Path.Combine(folder, "internal-token"), NewToken());
        foreach (var (other, _, _) in Cells.Where(c => c.Name != cell))
        {
            // What the other side presents here: its servers and its bridge from us (peer), and our bridge from it (bridge).
            var (peer, bridge) = (NewToken(), NewToken());
            File.WriteAllText(Path.Combine(folder, $"peer-{other}"), peer);
            File.WriteAllText(Path.Combine(folder, $"bridge-{other}"), bridge);
            WriteSecret(other, $"to-{cell}", peer);
            WriteSecret($"{other}-from-{cell}", "source-token", peer);
            WriteSecret($"{cell}-from-{other}", "target-token", bridge);
        }
        var p = key.ExportParameters(includePrivateParameters: false).Q;
        return new CellKey(kid, "EC", "P-256", System.Buffers.Text.Base64Url.EncodeToString(p.X), System.Buffers.Text.Base64Url.EncodeToString(p.Y));
    }

    private void WriteSecret(string owner, string file, string text)
    {
        Directory.CreateDirectory(Secrets(owner));
        File.WriteAllText(Path.Combine(Secrets(owner), file), text);
    }

    private void Add(string role, string name, string program, IReadOnlyList<string> arguments) =>
        processes.Add((role, new ServerProcess($"{role} {name}", program, arguments, Path.Combine(data, $"{name}.log"), TimeSpan.FromSeconds(1))));

    private async Task WaitUntilHealthyAsync(IReadOnlyList<Uri> health, CancellationToken cancellationToken)
    {
        using var http = Client.ChatClient.NewHttpClient();
        var accounts = new Client.Accounts.ChatAccounts(http, Router);
        var start = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                foreach (var url in health) (await http.GetAsync(url, cancellationToken)).EnsureSuccessStatusCode().Dispose();
                var (_, cells) = await accounts.ListCellsAsync(cancellationToken);
                if (cells.Count == Cells.Length && cells.All(c => c.Healthy)) return;
            }
            catch (Exception e) when (e is HttpRequestException or TimeoutException or Client.Accounts.ChatApiException)
            {
                // Not up yet: asked again below, within the bound.
                if (TimeProvider.System.GetElapsedTime(start) > ReadyBound) throw new ClusterException($"The cluster in {data} did not become ready: {e.Message}", e);
            }
            if (TimeProvider.System.GetElapsedTime(start) > ReadyBound) throw new ClusterException($"The cells in {data} did not become healthy within {ReadyBound.TotalSeconds} s; see the logs there.");
            await Task.Delay(100, cancellationToken);
        }
    }
}
