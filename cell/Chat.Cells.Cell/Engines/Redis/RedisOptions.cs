using System.Security.Cryptography.X509Certificates;

namespace Chat.Cells.Cell.Engines.Redis;

/// <summary>How to reach Redis, alone or as a cluster.</summary>
public sealed record RedisOptions
{
    /// <summary><c>host:port</c>, several separated by commas (nodes of one cluster).</summary>
    public required string Endpoints { get; init; }

    /// <summary>From the cell's secret; null for none. Never logged.</summary>
    public string? Password { get; init; }

    /// <summary>Asked every <see cref="SecretInterval"/> whether the password was changed; null where it never is. Must not throw.</summary>
    public Func<string?>? ReadPassword { get; init; }

    /// <summary>How often it is looked whether the password was changed.</summary>
    public TimeSpan SecretInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Who may have signed the servers' certificates, asked for each new connection; null for no TLS. Must not throw.</summary>
    public Func<X509Certificate2Collection>? ReadAuthorities { get; init; }

    /// <summary>Put before every key and channel, so that several cells may share a server.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>How long a call may take.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Signs what servers send each other: who can write to Redis can't forge a verdict. At least 32 bytes, from the cell's secret.</summary>
    public required ReadOnlyMemory<byte> SigningKey { get; init; }

    /// <summary>Without the secrets.</summary>
    public override string ToString() => $"Redis at {Endpoints}";
}
