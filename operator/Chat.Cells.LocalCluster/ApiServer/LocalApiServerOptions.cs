using System.Net;

namespace Chat.Cells.LocalCluster.ApiServer;

/// <summary>How an API server runs.</summary>
public sealed record LocalApiServerOptions
{
    /// <summary>The folder of the state: journal, snapshot, certificates, token. Made when missing; one process may have it open.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>Loopback address and port; port 0 takes a free one.</summary>
    public IPEndPoint Listen { get; init; } = new(IPAddress.Loopback, 0);

    /// <summary>Where the kubeconfig is written; null for <c>kubeconfig</c> in the data folder.</summary>
    public string? KubeconfigPath { get; init; }

    /// <summary>The addresses of Services; a loopback network.</summary>
    public IPNetwork ServiceCidr { get; init; } = IPNetwork.Parse("127.96.0.0/16");

    /// <summary>Where pods' logs are: <c>{uid}/{container}.log</c>; null for <c>pods</c> in the data folder.</summary>
    public string? PodsDirectory { get; init; }

    /// <summary>How many changes a watch may lag behind before it gets 410 Gone.</summary>
    public int WatchWindow { get; init; } = 10_000;

    /// <summary>Journal bytes after which a snapshot is made.</summary>
    public long CompactAt { get; init; } = 16 * 1024 * 1024;

    /// <summary>How often a watch that asked for bookmarks gets one.</summary>
    public TimeSpan BookmarkInterval { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long an Event is kept after it was last seen.</summary>
    public TimeSpan EventRetention { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How often old Events are looked for.</summary>
    public TimeSpan EventSweepInterval { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    internal string Pods => PodsDirectory ?? Path.Combine(DataDirectory, "pods");
}
