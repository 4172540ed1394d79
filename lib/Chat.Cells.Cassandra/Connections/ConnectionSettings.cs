using System.Net;
using System.Net.Security;
using Cassandra.Protocol;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cassandra.Connections;

/// <summary>What every connection of a cluster has in common.</summary>
internal sealed record ConnectionSettings
{
    public required byte Version { get; init; }
    public required string ClientName { get; init; }
    /// <summary>Asked at each handshake of a server that wants a password.</summary>
    public Func<(string UserName, string Password)?> Credentials { get; init; } = static () => null;

    public Func<IPEndPoint, SslClientAuthenticationOptions>? Tls { get; init; }

    /// <summary>Where a node is reached, by the address that the cluster tells of it.</summary>
    public Func<IPEndPoint, IPEndPoint> Translate { get; init; } = static address => address;

    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(12);

    /// <summary>A connection on which nothing was read for so long is asked for a sign of life, and given up when none comes within <see cref="ConnectTimeout"/>.</summary>
    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromSeconds(30);

    public Action<ServerEvent>? OnEvent { get; init; }
    public TimeProvider Time { get; init; } = TimeProvider.System;
    public ILogger Logger { get; init; } = NullLogger.Instance;
}

/// <summary>The server doesn't speak this version of the protocol.</summary>
internal sealed class UnsupportedVersionException(byte version, string? words = null)
    : DriverException($"The server does not speak version {version} of the native protocol{(words is null ? "" : $": {words}")}.");
