using System.Buffers.Binary;

namespace Cassandra.Tests.Faults;

/// <summary>What the tests against scripted servers share.</summary>
public abstract class FaultTest
{
    protected const string Insert = "INSERT INTO k.t (a, b) VALUES (?, ?)";
    protected const string Select = "SELECT b FROM k.t WHERE a = ?";

    protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    internal static readonly CqlType Int = new(ColumnTypeCode.Int, []);
    internal static readonly CqlColumn A = new("k", "t", "a", Int);
    internal static readonly CqlColumn B = new("k", "t", "b", Int);

    internal static FaultServer NewServer(byte maxVersion = 5, string[]? tokens = null)
    {
        var server = new FaultServer { MaxVersion = maxVersion, Tokens = tokens ?? ["0"] };
        server.Statements[Insert] = new Prepared([A, B], [0], []);
        server.Statements[Select] = new Prepared([A], [0], [B]);
        return server;
    }

    internal static void Introduce(params FaultServer[] servers)
    {
        foreach (var server in servers) server.Peers = [.. server.Peers, .. servers.Where(s => s != server)];
    }

    internal static ClusterOptions Options(params FaultServer[] servers) => new()
    {
        ContactPoints = [.. servers.Select(s => s.Endpoint.ToString())],
        LocalDatacenter = "dc1",
        ConnectionsPerHost = 1,
        ConnectTimeout = Patience,
        QueryOptions = new QueryOptions { Timeout = Patience },
        ReconnectionPolicy = new ReconnectionPolicy(TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(200)),
    };

    /// <summary>The driver, connected.</summary>
    internal static async Task<(Cluster Cluster, ISession Session)> ConnectAsync(ClusterOptions options)
    {
        var cluster = new Cluster(options);
        try
        {
            using var limit = new CancellationTokenSource(Patience);
            return (cluster, await cluster.ConnectAsync(limit.Token));
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Every host has a connection.</summary>
    internal static Task AllUpAsync(params FaultServer[] servers) => Poll.UntilAsync(() => servers.Sum(s => s.Connections) > servers.Length && servers.All(s => s.Connections > 0));

    internal static int IntOf(byte[]? value) => BinaryPrimitives.ReadInt32BigEndian(value);

    internal static Task<Reply> Echo(ServerRequest request) => Task.FromResult(EchoRow(request));

    /// <summary>The bound value comes back as the row's.</summary>
    internal static Reply EchoRow(ServerRequest request) => Reply.Rows([B], [[IntOf(request.Values[0])]], noMetadata: request.SkipMetadata);
}
