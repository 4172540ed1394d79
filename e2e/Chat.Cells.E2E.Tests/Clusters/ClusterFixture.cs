using Chat.Cells.Client;
using Chat.Cells.Client.Accounts;
using Chat.Cells.Processes;

namespace Chat.Cells.E2E.Tests.Clusters;

/// <summary>The cluster that all suites share: started once for the assembly, unless the environment names a running one.</summary>
public sealed class ClusterFixture : IAsyncLifetime
{
    private const string Password = "correct horse battery staple";
    private const string DataPrefix = "chat-cells-e2e-";
    private readonly string data = Path.Combine(Path.GetTempPath(), DataPrefix + Environment.ProcessId);
    private readonly HttpClient http = ChatClient.NewHttpClient();
    private DirectCluster? direct;
    private bool started;
    private int names;

    public Uri Router { get; private set; } = null!;

    /// <summary>Null: only the router is known.</summary>
    public ICluster? Cluster { get; private set; }

    public string Kubeconfig => (Cluster as LocalCluster)?.Kubeconfig ?? ClusterSource.Read("KUBECONFIG") ?? "";

    public ChatAccounts Accounts { get; private set; } = null!;

    /// <summary>Two different regions.</summary>
    public (string First, string Second) Regions { get; private set; }

    public async Task InitializeAsync()
    {
        if (ClusterSource.RouterUrl is { } url)
        {
            Router = new Uri(url);
        }
        else if (ClusterSource.Description is { } description)
        {
            Cluster = LocalCluster.Open(description);
        }
        else if (ClusterSource.Direct)
        {
            Cluster = direct = await DirectCluster.StartAsync(data, messagesPerMinute: 0, CancellationToken.None);
        }
        else
        {
            await StopLeftoversAsync(DataPrefix);
            started = true;
            Cluster = await LocalCluster.StartAsync(data, manifests: null, CancellationToken.None);
        }
        Router ??= Cluster!.Router;
        Accounts = new ChatAccounts(http, Router);
        var (_, cells) = await Accounts.ListCellsAsync(CancellationToken.None);
        var regions = cells.Select(c => c.Region).Distinct().Order().ToArray();
        if (regions.Length < 2) throw new InvalidOperationException($"The suites need cells in two regions; {Router} has {string.Join(", ", regions)}.");
        Regions = (regions[0], regions[1]);
    }

    public async Task DisposeAsync()
    {
        http.Dispose();
        if (direct is not null) await direct.DisposeAsync();
        if (started) await LocalCluster.StopAsync(data);
        if ((started || direct is not null) && Directory.Exists(data)) Directory.Delete(data, recursive: true);
    }

    /// <summary>Clusters of test runs that were killed before they could stop theirs: their folders' names end with the number of the process.</summary>
    internal static async Task StopLeftoversAsync(string prefix)
    {
        foreach (var folder in Directory.GetDirectories(Path.GetTempPath(), prefix + "*"))
        {
            if (Directory.Exists($"/proc/{Path.GetFileName(folder)[prefix.Length..]}")) continue;
            await LocalCluster.StopAsync(folder);
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>A handle nobody else has, without its region.</summary>
    public string NewName() => $"e{DateTimeOffset.UtcNow.ToUnixTimeMilliseconds():x}-{Interlocked.Increment(ref names)}";

    public Task<Session> SignUpAsync(string region) => Accounts.SignUpAsync(region, NewName(), Password, "Someone", new DeviceInfo("phone", "phone"), CancellationToken.None);

    public Task<Session> LogInAsync(string handle, string password = Password) => Accounts.LogInAsync(handle, password, new DeviceInfo("laptop", "desktop"), CancellationToken.None);

    /// <summary>A client that is not started.</summary>
    public ChatClient NewClient(Session session, Func<ChatClientOptions, ChatClientOptions>? change = null)
    {
        var options = new ChatClientOptions { Endpoint = Router, HttpClient = http };
        return new ChatClient(session, change?.Invoke(options) ?? options);
    }

    /// <summary>A new user's device that is live.</summary>
    public async Task<ChatClient> NewUserAsync(string region) => await LiveAsync(NewClient(await SignUpAsync(region)));

    public static async Task<ChatClient> LiveAsync(ChatClient client)
    {
        client.Start();
        await client.WaitUntilLiveAsync(CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(60));
        return client;
    }

    /// <summary>Waits until a client shows exactly these texts in a channel.</summary>
    public static async Task ShowsAsync(ChatClient client, string channelId, params string[] texts)
    {
        await Poll.UntilAsync(() => client.Timeline(channelId).Count >= texts.Length, $"{client.UserId} is shown {texts.Length} messages in {channelId}, has {client.Timeline(channelId).Count}");
        Assert.Equal(texts, client.Timeline(channelId).Snapshot().Select(m => m.Content));
    }
}

[CollectionDefinition(Name)]
public sealed class ClusterCollection : ICollectionFixture<ClusterFixture>
{
    public const string Name = "cluster";
}
