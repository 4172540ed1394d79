using System.Globalization;
using System.Net;
using Chat.Cells.Chaos.Network;
using Chat.Cells.Chaos.Reporting;
using Chat.Cells.Processes.Engines;

namespace Chat.Cells.Chaos.Cells;

/// <summary>The links of one cell's gateways, fan-outs and deliveries to one of its engines, each kind's its own: proxies that their servers are given in the engine's place.</summary>
public sealed class RoleLinks : IAsyncDisposable
{
    public const string Kafka = "kafka";
    public const string Redis = "redis";
    public const string Cassandra = "cassandra";

    private static readonly string[] Roles = ["gateway", "fanout", "delivery"];
    private readonly List<FaultLinks> links = [];
    private readonly Dictionary<string, IReadOnlyDictionary<string, string>> options = [];
    private readonly List<IAsyncDisposable> open = [];

    private RoleLinks()
    {
    }

    /// <summary>One for each kind of servers: <c>gateway-kafka</c>, ….</summary>
    public IReadOnlyList<FaultLinks> Links => links;

    /// <param name="engine">One of the constants.</param>
    /// <param name="engines">Where it is.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="SkippedException">Kafka's brokers or Redis are elsewhere than on this machine.</exception>
    /// <exception cref="Processes.ClusterException">Cassandra does not answer.</exception>
    public static async Task<RoleLinks> ToAsync(string engine, EngineServers engines, CancellationToken cancellationToken)
    {
        var made = new RoleLinks();
        switch (engine)
        {
            case Kafka:
                IPEndPoint[] brokers = [.. ValueOf(engines.Arguments, "--kafka-bootstrap").Split(',').Select(LocalEndPointOf)];
                foreach (var role in Roles) made.AddBrokers(role, brokers);
                break;
            case Redis:
                var redis = LocalEndPointOf(ValueOf(engines.Arguments, "--redis"));
                foreach (var role in Roles) made.AddRedis(role, redis);
                break;
            default:
                made.AddNodes(await CassandraNodes.FindAllAsync(RealServers.Read(Environment.GetEnvironmentVariable), cancellationToken));
                break;
        }
        return made;
    }

    /// <summary>To these nodes of Cassandra.</summary>
    internal static RoleLinks ToNodes(IReadOnlyList<IPEndPoint> nodes)
    {
        var made = new RoleLinks();
        made.AddNodes(nodes);
        return made;
    }

    /// <summary>The engines' options for a server of the role: the proxies' addresses in place of the engine's.</summary>
    public IReadOnlyList<string> Through(string role, IReadOnlyList<string> arguments)
    {
        var through = arguments.ToList();
        foreach (var (option, value) in options.GetValueOrDefault(role) ?? new Dictionary<string, string>())
        {
            var at = through.IndexOf(option);
            if (at < 0) through.AddRange([option, value]);
            else through[at + 1] = value;
        }
        return through;
    }

    public async ValueTask DisposeAsync()
    {
        // Proxies before the relays behind them.
        for (var i = open.Count - 1; i >= 0; i--) await open[i].DisposeAsync();
    }

    private void AddBrokers(string role, IReadOnlyList<IPEndPoint> brokers)
    {
        var ports = new Dictionary<int, int>();
        var proxies = new List<FaultProxy>();
        foreach (var broker in brokers)
        {
            var relay = BrokerRelay.Start(broker, ports);
            open.Add(relay);
            var proxy = Open($"{role}-{Kafka}", relay.EndPoint);
            proxies.Add(proxy);
            ports[broker.Port] = proxy.Port;
        }
        Add(role, Kafka, proxies, new Dictionary<string, string> { ["--kafka-bootstrap"] = Join(proxies.Select(AddressOf)) });
    }

    private void AddRedis(string role, IPEndPoint redis)
    {
        var proxy = Open($"{role}-{Redis}", redis);
        Add(role, Redis, [proxy], new Dictionary<string, string> { ["--redis"] = AddressOf(proxy) });
    }

    /// <summary>Nodes tell their clients of each other: those are given a proxy for each of them, and a table that leads from what nodes say to the proxies.</summary>
    private void AddNodes(IReadOnlyList<IPEndPoint> nodes)
    {
        foreach (var role in Roles)
        {
            FaultProxy[] proxies = [.. nodes.Select(node => Open($"{role}-{Cassandra}", node))];
            Add(role, Cassandra, proxies, new Dictionary<string, string>
            {
                ["--cassandra"] = Join(proxies.Select(AddressOf)),
                ["--cassandra-addresses"] = Join(nodes.Zip(proxies, (node, proxy) => $"{node}={AddressOf(proxy)}")),
            });
        }
    }

    private FaultProxy Open(string name, IPEndPoint target)
    {
        var proxy = FaultProxy.Start(name, target);
        open.Add(proxy);
        return proxy;
    }

    private void Add(string role, string engine, IReadOnlyList<FaultProxy> proxies, Dictionary<string, string> through)
    {
        links.Add(new FaultLinks($"{role}-{engine}", proxies));
        options[role] = through;
    }

    private static string Join(IEnumerable<string> addresses) => string.Join(',', addresses);

    private static string AddressOf(FaultProxy proxy) => string.Create(CultureInfo.InvariantCulture, $"{BrokerRelay.Host}:{proxy.Port}");

    private static string ValueOf(IReadOnlyList<string> arguments, string option)
    {
        for (var i = 1; i < arguments.Count; i++)
        {
            if (arguments[i - 1] == option) return arguments[i];
        }
        throw new HarnessException($"The engines have no {option}.");
    }

    private static IPEndPoint LocalEndPointOf(string address) =>
        IPEndPoint.TryParse(address, out var found) && found.Address.Equals(IPAddress.Loopback)
            ? found
            : throw new SkippedException($"{address} is not at {BrokerRelay.Host}: no proxy can stand between it and its clients");
}
