using System.Net;
using Chat.Cells.Router.Forwarding;

namespace Chat.Cells.Router.Tests;

public sealed class HeldPlacesTests
{
    private readonly HeldPlaces places = new();

    [Fact]
    public void Take_UnprovenOfOneAddress_LeavesTheOthersTheirs()
    {
        Assert.Equal(HeldPlaces.MostOfAddress, Take(Address(1), HeldPlaces.Most));
        Assert.True(places.TryTake(Address(2)));
        Assert.True(places.TryTake(null));
    }

    [Fact]
    public void Take_UnprovenOfManyAddresses_LeavesHalfToThoseWithAToken()
    {
        var all = Enumerable.Range(1, 100).Sum(i => Take(Address(i), HeldPlaces.MostOfAddress));
        Assert.Equal(HeldPlaces.MostUnproven, all);
        Assert.Equal(HeldPlaces.Most - HeldPlaces.MostUnproven, Take(null, HeldPlaces.Most));
        Assert.False(places.TryTake(null));
        Assert.Equal(HeldPlaces.Most, places.Taken);
    }

    [Fact]
    public void Return_OfAllPlaces_MakesThemFreeAgain()
    {
        for (var round = 0; round < 3; round++)
        {
            var its = Take(Address(1), HeldPlaces.Most);
            Assert.Equal(HeldPlaces.MostOfAddress, its);
            var others = Take(null, HeldPlaces.Most);
            Assert.Equal(HeldPlaces.Most - its, others);
            for (var i = 0; i < its; i++) places.Return(Address(1));
            for (var i = 0; i < others; i++) places.Return(null);
            Assert.Equal(0, places.Taken);
        }
    }

    private int Take(IPAddress? address, int tries) => Enumerable.Range(0, tries).Count(_ => places.TryTake(address));

    private static IPAddress Address(int number) => new([10, 0, 0, (byte)number]);
}
