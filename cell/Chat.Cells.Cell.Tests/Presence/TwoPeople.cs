using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Presence;
using Chat.Cells.Cell.Tests.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace Chat.Cells.Cell.Tests.Presence;

/// <summary>Anna lives in the first of two cells, bob in the second. The channel that they share is in both stores, as a bridge would have left it.</summary>
internal sealed class TwoPeople : IAsyncDisposable
{
    private readonly CellPair cells;

    private TwoPeople(CellPair cells, TestUser anna, TestUser bob)
    {
        this.cells = cells;
        Anna = anna;
        Bob = bob;
        Channel = ChannelId.ForDirect(anna.UserId, bob.UserId);
    }

    public TestCell First => cells.First;
    public TestCell Second => cells.Second;
    public TestUser Anna { get; }
    public TestUser Bob { get; }
    public string Channel { get; }

    public static async Task<TwoPeople> StartAsync()
    {
        var pair = await CellPair.StartAsync("us-east-1", "us-east", options => options with
        {
            TickInterval = TimeSpan.FromMilliseconds(300),
            RegistrationLife = TimeSpan.FromSeconds(3),
            DrainTimeout = TimeSpan.FromSeconds(5),
        });
        var people = new TwoPeople(pair, await pair.First.SignUpAsync("anna"), await pair.Second.SignUpAsync("bob"));
        await people.PutChannelAsync(pair.First);
        await people.PutChannelAsync(pair.Second);
        return people;
    }

    public static PresenceViews Views(TestCell cell) => cell.Services.GetRequiredService<PresenceViews>();

    public Task<string> SecretAsync(string cell, string secret) => cells.SecretAsync(cell, secret);

    public ValueTask StopSecondAsync() => cells.StopSecondAsync();

    public Task StartSecondAsync() => cells.StartSecondAsync();

    public ValueTask DisposeAsync() => cells.DisposeAsync();

    private async Task PutChannelAsync(TestCell cell)
    {
        var members = new[] { Anna, Bob }.Select(u => new MemberInterval(u.UserId, MemberRole.Member, 0, null, 1)).ToList();
        var row = new ChannelRow(Channel, ChannelType.Direct, null, "eu-west-1", 1, 0, 1, members);
        await cell.Services.GetRequiredService<IMessageStore>().WriteJudgedAsync(new JudgedBatch(null, 1, [], [], [row], [], []), CancellationToken.None);
    }
}
