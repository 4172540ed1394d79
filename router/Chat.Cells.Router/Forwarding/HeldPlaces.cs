using System.Net;

namespace Chat.Cells.Router.Forwarding;

/// <summary>
/// The places of sockets that wait for a cell. The user of a ticket is only claimed until the cell has seen the ticket, so those who show one have half of the places at most,
/// and an address has few: they can't keep out who has shown a token.
/// </summary>
internal sealed class HeldPlaces
{
    public const int Most = 20_000;
    public const int MostUnproven = Most / 2;
    public const int MostOfAddress = 500;

    private readonly Lock gate = new();
    private readonly Dictionary<IPAddress, int> unproven = [];
    private int allUnproven;
    private int taken;

    /// <summary>How many are taken.</summary>
    public int Taken => Volatile.Read(ref taken);

    /// <summary>Takes a place; false where there is none.</summary>
    /// <param name="address">Of a client who has not proven who it is, by <see cref="Guarding.AddressLimits.Key"/>; null for one who has.</param>
    public bool TryTake(IPAddress? address)
    {
        lock (gate)
        {
            if (taken == Most) return false;
            if (address is not null)
            {
                var its = unproven.GetValueOrDefault(address);
                if (allUnproven == MostUnproven || its == MostOfAddress) return false;
                unproven[address] = its + 1;
                allUnproven++;
            }
            taken++;
            return true;
        }
    }

    /// <summary>Gives a place back that was taken.</summary>
    public void Return(IPAddress? address)
    {
        lock (gate)
        {
            taken--;
            if (address is null) return;
            allUnproven--;
            if (unproven[address] == 1) unproven.Remove(address);
            else unproven[address]--;
        }
    }
}
