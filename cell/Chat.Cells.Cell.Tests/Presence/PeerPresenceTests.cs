
namespace Chat.Cells.Cell.Tests.Presence;

/// <summary>Presence and typing between cells that keep to the rules.</summary>
public sealed class PeerPresenceTests : IAsyncLifetime
{
    private TwoPeople people = null!;

    public async Task InitializeAsync() => people = await TwoPeople.StartAsync();

    public async Task DisposeAsync() => await people.DisposeAsync();

    [Fact]
    public async Task Presence_OfAUserInAnotherCell_IsShownAndFollowed()
    {
        await using var viewer = await people.First.ConnectAsync(people.Anna);
        await viewer.SubscribeAsync(people.Bob.UserId);
        Assert.Equal("offline", (await viewer.SeesAsync(people.Bob.UserId)).Status);

        await using var device = await people.Second.ConnectAsync(people.Bob);
        var online = await viewer.SeesAsync(people.Bob.UserId, "online", "desktop");
        Assert.NotNull(online.LastActiveAt);
        await device.AwayAsync();
        await viewer.SeesAsync(people.Bob.UserId, "away", "desktop");
        await device.LeaveAsync();
        await viewer.SeesAsync(people.Bob.UserId, "offline");

        // The stream is open now: another view is answered from it.
        await using var again = await people.Second.ConnectAsync(people.Bob);
        await using var other = await people.First.ConnectAsync(await people.First.LogInAsync("anna"));
        await other.SubscribeAsync(people.Bob.UserId);
        await other.SeesAsync(people.Bob.UserId, "online", "desktop");
    }

    [Fact]
    public async Task Presence_StreamCutAndHealed_IsRightAgain()
    {
        await using var viewer = await people.First.ConnectAsync(people.Anna);
        var device = await people.Second.ConnectAsync(people.Bob);
        await viewer.SubscribeAsync(people.Bob.UserId);
        await viewer.SeesAsync(people.Bob.UserId, "online", "desktop");

        await people.StopSecondAsync();
        await viewer.SeesAsync(people.Bob.UserId, "offline"); // its cell wasn't reached for as long as a server's word holds
        await device.DisposeAsync();
        await people.StartSecondAsync();
        await using var back = await people.Second.ConnectAsync(people.Bob);
        await viewer.SeesAsync(people.Bob.UserId, "online", "desktop");
        await back.AwayAsync();
        await viewer.SeesAsync(people.Bob.UserId, "away", "desktop");
    }

    [Fact]
    public async Task View_Ended_IsEndedInTheOtherCellToo()
    {
        await using var viewer = await people.First.ConnectAsync(people.Anna);
        await viewer.SubscribeAsync(people.Bob.UserId);
        await viewer.SeesAsync(people.Bob.UserId);
        await Poll.UntilAsync(() => TwoPeople.Views(people.Second).Count == 1, "the second cell has a view");
        await viewer.SubscribeAsync();
        await Poll.UntilAsync(() => TwoPeople.Views(people.Second).Count == 0, "and then none");
    }

    [Fact]
    public async Task Typing_InASharedChannel_CrossesCellsBothWays()
    {
        await using var one = await people.First.ConnectAsync(people.Anna);
        await using var other = await people.Second.ConnectAsync(people.Bob);
        await one.TypeAsync(people.Channel);
        var typing = await other.PayloadAsync("typing");
        Assert.Equal((people.Channel, people.Anna.UserId, true), ((string)typing["channelId"]!, (string)typing["userId"]!, (bool)typing["typing"]!));
        await one.TypeAsync(people.Channel, typing: false);
        Assert.False((bool)(await other.PayloadAsync("typing"))["typing"]!);
        await other.TypeAsync(people.Channel);
        Assert.Equal(people.Bob.UserId, (string)(await one.PayloadAsync("typing"))["userId"]!);
    }
}
