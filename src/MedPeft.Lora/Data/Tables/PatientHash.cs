using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace MedPeft.Lora.Data.Tables;

/// <summary>Puts patients into an order that only their names, the seed and the purpose decide: SHA-256 of the three, as a number.</summary>
internal static class PatientHash
{
    /// <summary>The rank of each different patient, from 0.</summary>
    /// <param name="patients">Patients, repeated as they come.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="purpose">Keeps uses apart: a fraction of a split must not be the patients that the split put first.</param>
    public static Dictionary<string, int> Ranks(IEnumerable<string> patients, ulong seed, string purpose)
    {
        var ordered = patients.Distinct(StringComparer.Ordinal).Select(p => (Hash: Of(p, seed, purpose), Patient: p)).ToArray();
        Array.Sort(ordered, static (a, b) => a.Hash != b.Hash ? a.Hash.CompareTo(b.Hash) : string.CompareOrdinal(a.Patient, b.Patient));
        var ranks = new Dictionary<string, int>(ordered.Length, StringComparer.Ordinal);
        for (var i = 0; i < ordered.Length; i++) ranks.Add(ordered[i].Patient, i);
        return ranks;
    }

    private static ulong Of(string patient, ulong seed, string purpose)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(FormattableString.Invariant($"{purpose}:{seed}:{patient}")), hash);
        return BinaryPrimitives.ReadUInt64BigEndian(hash);
    }
}
