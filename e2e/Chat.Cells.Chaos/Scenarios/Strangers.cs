using Chat.Cells.Chaos.Cells;
using Chat.Cells.Client;
using Chat.Cells.Client.Accounts;

namespace Chat.Cells.Chaos.Scenarios;

/// <summary>People who pass by, for what they make the servers do. Nobody depends on what becomes of them: a fault may swallow it.</summary>
/// <param name="router">Where they go in.</param>
/// <param name="accounts">How they sign up.</param>
/// <param name="tell">Hears what failed.</param>
internal sealed class Strangers(Uri router, ChatAccounts accounts, Action<string> tell)
{
    private const string Password = "correct horse battery staple";
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(10);

    /// <summary>Somebody signs up in a region, begins a conversation with a user, takes in what there is, and logs out.</summary>
    public Task PassByAsync(string name, string region, string userId) => TryAsync(
        $"{name} passes by",
        async () =>
        {
            using var bound = new CancellationTokenSource(Bound);
            var session = await accounts.SignUpAsync(region, name, Password, name, new DeviceInfo("passing", "phone"), bound.Token);
            await using var client = new ChatClient(session, ShrunkTimes.Of(new ChatClientOptions { Endpoint = router }));
            await client.Api.CreateDirectAsync(userId, bound.Token);
            client.Start();
            await client.WaitUntilLiveAsync(bound.Token);
            await client.Api.LogOutAsync(bound.Token);
        });

    /// <summary>Says it when it fails, and leaves it at that.</summary>
    public async Task TryAsync(string what, Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (Exception e) when (e is HttpRequestException or TimeoutException or IOException or ChatApiException or ObjectDisposedException or OperationCanceledException or SessionEndedException)
        {
            tell($"{what}: {e.Message}");
        }
    }
}
