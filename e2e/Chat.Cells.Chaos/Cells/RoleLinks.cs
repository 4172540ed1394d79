using System.Globalization;
using System.Net;
using Chat.Cells.Chaos.Network;
using Chat.Cells.Chaos.Reporting;
using Chat.Cells.Processes.Engines;

namespace Chat.Cells.Chaos.Cells;

/// <summary>The links of one cell's gateways, fan-outs and deliveries to Kafka and Redis, each kind's its own: proxies that their servers are given in the engines' place.</summary>
public sealed class RoleLinks : IAsyncDisposable
{
    private static readonly string[] Roles = ["gateway", "fanout", "delivery"];
    private readonly Dictionary<string, FaultLinks> links = [];
    private readonly Dictionary<(string Role, string Option), string> addresses = [];
    private readonly List<IAsyncDisposable> open = [];

    private RoleLinks()
    {
    }

    /// <summary>By name: <c>gateway-kafka</c>, <c>fanout-redis</c>, ….</summary>
    public IReadOnlyDictionary<string, FaultLinks> Links => links;

    /// <param name="engines">Where Kafka and Redis are.</param>
    /// <exception cref="SkippedException">Kafka's brokers are elsewhere than on this machine.</exception>
    public static RoleLinks To(EngineServers engines)
    {
        var made = new RoleLinks();
        var brokers = ValueOf(engines.Arguments, "--kafka-bootstrap").Split(',');
        var redis = EndPointOf(ValueOf(engines.Arguments, "--redis"));
        foreach (var role in Roles)
        {
            made.AddBrokers(role, [.. brokers.Select(EndPointOf)]);
            made.AddRedis(role, redis);
        }
        return made;
    }

    /// <summary>The engines' options for a server of the role: the proxies' addresses in place of the engines'.</summary>
    public IReadOnlyList<string> Through(string role, IReadOnlyList<string> arguments)
    {
        var through = arguments.ToArray();
        for (var i = 1; i < through.Length; i++)
        {
            if (addresses.TryGetValue((role, through[i - 1]), out var address)) through[i] = address;
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
            var proxy = FaultProxy.Start($"{role}-kafka", relay.EndPoint);
            open.Add(proxy);
            proxies.Add(proxy);
            ports[broker.Port] = proxy.Port;
        }
        Add(role, "kafka", "--kafka-bootstrap", proxies);
    }

    private void AddRedis(string role, IPEndPoint redis)
    {
        var proxy = FaultProxy.Start($"{role}-redis", redis);
        open.Add(proxy);
        Add(role, "redis", "--redis", [proxy]);
    }

    private void Add(string role, string engine, string option, IReadOnlyList<FaultProxy> proxies)
    {
        var name = $"{role}-{engine}";
        links[name] = new FaultLinks(name, proxies);
        addresses[(role, option)] = string.Join(',', proxies.Select(p => string.Create(CultureInfo.InvariantCulture, $"{BrokerRelay.Host}:{p.Port}")));
    }

    private static string ValueOf(IReadOnlyList<string> arguments, string option)
    {
        for (var i = 1; i < arguments.Count; i++)
        {
            if (arguments[i - 1] == option) return arguments[i];
        }
        throw new HarnessException($"The engines have no {option}.");
    }

    private static IPEndPoint EndPointOf(string address) =>
        IPEndPoint.TryParse(address, out var found) && found.Address.Equals(IPAddress.Loopback)
            ? found
            : throw new SkippedException($"{address} is not at {BrokerRelay.Host}: no proxy can stand between it and its clients");
}
