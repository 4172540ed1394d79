using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Cassandra.Connections;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cassandra;

/// <summary>How to reach a cluster; the terms are those of DataStax's driver.</summary>
public sealed record ClusterOptions
{
    /// <summary><c>host</c> or <c>host:port</c>.</summary>
    public required IReadOnlyList<string> ContactPoints { get; init; }

    public int Port { get; init; } = 9042;

    /// <summary>Statements go nowhere else.</summary>
    public required string LocalDatacenter { get; init; }

    /// <summary>For PasswordAuthenticator. Never logged.</summary>
    public (string UserName, string Password)? Credentials { get; init; }

    /// <summary>
    /// Asked instead of <see cref="Credentials"/> for each new connection, so that a password that was changed is taken by the same cluster; connections that are open stay open.
    /// (DataStax's driver asks its <c>IAuthProvider</c> so.)
    /// </summary>
    public Func<(string UserName, string Password)?>? ReadCredentials { get; init; }

    /// <summary>Null: no TLS.</summary>
    public Func<IPEndPoint, SslClientAuthenticationOptions>? Tls { get; init; }

    /// <summary>Where nodes are reached that tell of addresses which can't be; null: nodes are where they say.</summary>
    public IAddressTranslator? AddressTranslator { get; init; }

    public int ConnectionsPerHost { get; init; } = 2;
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A connection that was silent for so long is asked for a sign of life, and given up without one.</summary>
    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromSeconds(30);

    public QueryOptions QueryOptions { get; init; } = new();
    public IRetryPolicy RetryPolicy { get; init; } = new DefaultRetryPolicy();
    public ReconnectionPolicy ReconnectionPolicy { get; init; } = ReconnectionPolicy.Default;
    public SpeculativeExecution? SpeculativeExecution { get; init; }

    /// <summary>4, or 5 to begin with; a server that speaks less is spoken to with less.</summary>
    public byte MaxProtocolVersion { get; init; } = 5;

    /// <summary>Without the credentials.</summary>
    public override string ToString() => $"{string.Join(',', ContactPoints)}, datacenter {LocalDatacenter}";
}

/// <summary>A Cassandra cluster: its hosts, and sessions on it.</summary>
public sealed class Cluster : IAsyncDisposable
{
    private const byte OldestVersion = 4;

    private readonly ClusterOptions _options;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private ControlConnection? _control;
    private Session? _session;

    public Cluster(ClusterOptions options, ILogger<Cluster>? logger = null, TimeProvider? time = null)
    {
        _options = options;
        _logger = logger ?? NullLogger<Cluster>.Instance;
        _time = time ?? TimeProvider.System;
    }

    /// <summary>Connects, agrees on the protocol's version, and reads the topology. Called once.</summary>
    /// <exception cref="NoHostAvailableException">No contact point answered.</exception>
    /// <exception cref="AuthenticationException">Wrong credentials.</exception>
    /// <exception cref="DriverException">A contact point's name can't be resolved, or the cluster has no such datacenter.</exception>
    public async Task<ISession> ConnectAsync(CancellationToken cancellationToken)
    {
        if (_session is not null) throw new InvalidOperationException("The cluster is connected already.");
        for (var version = _options.MaxProtocolVersion; ; version--)
        {
            var settings = new ConnectionSettings
            {
                Version = version,
                ClientName = "Chat.Cells.Cassandra",
                Credentials = _options.ReadCredentials ?? (() => _options.Credentials),
                Tls = _options.Tls,
                Translate = _options.AddressTranslator is { } translator ? translator.Translate : static address => address,
                ConnectTimeout = _options.ConnectTimeout,
                RequestTimeout = _options.QueryOptions.Timeout,
                HeartbeatInterval = _options.HeartbeatInterval,
                Time = _time,
                Logger = _logger,
            };
            var session = new Session(_options, settings);
            var control = new ControlConnection(ResolveAsync, settings, _options.ReconnectionPolicy, session);
            try
            {
                await control.StartAsync(cancellationToken);
                Check(session.Hosts, version);
                _control = control;
                _session = session;
                return session;
            }
            catch (Exception e)
            {
                await control.DisposeAsync();
                await session.DisposeAsync();
                if (e is not UnsupportedVersionException || version <= OldestVersion) throw;
            }
        }
    }

    private void Check(IReadOnlyCollection<Host> hosts, byte version)
    {
        if (!hosts.Any(h => h.Datacenter == _options.LocalDatacenter))
        {
            var names = string.Join(", ", hosts.Select(h => $"'{h.Datacenter}'").Distinct());
            throw new DriverException($"No host is in the local datacenter '{_options.LocalDatacenter}'; the cluster has {names}.");
        }
        // While a cluster is upgraded, the oldest host says what all can be spoken to with.
        if (version > OldestVersion && hosts.FirstOrDefault(h => Version.TryParse(h.CassandraVersion.Split('-')[0], out var v) && v.Major < 4) is { } old)
        {
            throw new UnsupportedVersionException(version, $"{old} runs Cassandra {old.CassandraVersion}");
        }
    }

    private async Task<IReadOnlyList<IPEndPoint>> ResolveAsync(CancellationToken cancellationToken)
    {
        var endpoints = new List<IPEndPoint>();
        foreach (var point in _options.ContactPoints)
        {
            if (IPEndPoint.TryParse(point, out var literal))
            {
                endpoints.Add(literal.Port == 0 ? new IPEndPoint(literal.Address, _options.Port) : literal);
                continue;
            }
            var colon = point.LastIndexOf(':');
            var name = colon < 0 ? point : point[..colon];
            var port = _options.Port;
            if (colon >= 0) port = ushort.TryParse(point.AsSpan(colon + 1), CultureInfo.InvariantCulture, out var given) ? given : 0;
            if (name.Length == 0 || port == 0) throw new DriverException($"'{point}' is no contact point: write host or host:port.");
            try
            {
                foreach (var address in await Dns.GetHostAddressesAsync(name, cancellationToken)) endpoints.Add(new IPEndPoint(address, port));
            }
            catch (SocketException e)
            {
                throw new DriverException($"The contact point '{name}' can't be resolved: {e.Message}", e);
            }
        }
        return endpoints;
    }

    public async ValueTask DisposeAsync()
    {
        if (_control is not null) await _control.DisposeAsync();
        if (_session is not null) await _session.DisposeAsync();
    }
}
