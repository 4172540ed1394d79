using System.Net;

namespace Chat.Cells.Router.Hosting;

/// <summary>How the router runs. Each is an option <c>--name value</c> or an environment variable <c>CHATCELLS_NAME</c>, dashes as underscores.</summary>
public sealed record RouterOptions
{
    /// <summary>Where clients connect: <c>http://address:port</c>; port 0 takes a free one.</summary>
    public required IPEndPoint Listen { get; init; }

    /// <summary>Where health, readiness and metrics are.</summary>
    public required IPEndPoint Internal { get; init; }

    /// <summary>The cell map's file.</summary>
    public required string CellMap { get; init; }

    /// <summary>The folder of the map's copy, from which the router starts when the map is out of reach; null for none.</summary>
    public string? MapCopy { get; init; }

    /// <summary>Browser origins, beside the router's own, whose pages may use the API.</summary>
    public IReadOnlySet<string> AllowedOrigins { get; init; } = new HashSet<string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>The folder of the page's files.</summary>
    public string WebRoot { get; init; } = Path.Combine(AppContext.BaseDirectory, "wwwroot");

    /// <summary>Sign-ups a minute from one address (an IPv6 /64); 0 for no limit.</summary>
    public int SignUpsPerMinute { get; init; } = 600;

    /// <summary>Log-ins and token renewals a minute from one address; 0 for no limit.</summary>
    public int LogInsPerMinute { get; init; } = 1200;

    /// <summary>The largest request body, in bytes. WebSocket frames are the cells' to limit.</summary>
    public long MaxBodyBytes { get; init; } = 256 * 1024;

    /// <summary>How often a cell that is up is checked.</summary>
    public TimeSpan HealthInterval { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a check may take.</summary>
    public TimeSpan HealthTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a cell may take to start an answer.</summary>
    public TimeSpan ResponseTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a new socket may wait for its cell when that is down: about as long as a server takes to restart. Zero: it is refused at once.</summary>
    public TimeSpan Hold { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>At shutdown, open sockets are closed spread over this time.</summary>
    public TimeSpan Drain { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Proxies whose <c>X-Forwarded-For</c> and <c>-Proto</c> are believed; from everybody else these headers are replaced.</summary>
    public IReadOnlyList<IPNetwork> TrustedProxies { get; init; } = [];
}
