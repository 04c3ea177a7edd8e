using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace MedPeft.Lora.Data;

/// <summary>Divides a set so that no patient is on both sides.</summary>
public static class PatientSplit
{
    /// <summary>Holds a share of the patients out.</summary>
    /// <remarks>
    /// A patient's side follows from a hash of the identifier and the seed alone, so it stays when images come or go, and a smaller share is
    /// inside a larger one. An image without a patient counts as a patient of its own, by its file name.
    /// </remarks>
    /// <param name="data">The set.</param>
    /// <param name="share">Share of the patients to hold out, in (0, 1).</param>
    /// <param name="seed">Another seed gives another division.</param>
    /// <returns>The rest, and what is held out, each in the order of the set.</returns>
    /// <exception cref="DatasetException">One side would have no image.</exception>
    public static (ImageDataset Kept, ImageDataset Held) SplitByPatient(this ImageDataset data, double share, ulong seed = 0)
    {
        ArgumentNullException.ThrowIfNull(data);
        if (share is not (> 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(share), share, "The share held out lies in (0, 1).");
        var sides = new Dictionary<string, bool>();
        bool IsHeld(ImageRecord record)
        {
            var patient = record.Patient ?? Path.GetFileName(record.Path);
            if (!sides.TryGetValue(patient, out var side)) sides[patient] = side = Place(patient, seed) < share;
            return side;
        }

        var (kept, held) = (data.Where(record => !IsHeld(record)), data.Where(IsHeld));
        if (kept.Count == 0 || held.Count == 0)
            throw new DatasetException(data.Name, $"holding out {share:P0} of {sides.Count} patients leaves one side empty. Choose another share or seed, or a larger set.");
        return (kept, held);
    }

    // Uniform in [0, 1) and the same on every machine and in every version, which string.GetHashCode is not.
    private static double Place(string patient, ulong seed)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes($"{seed}:{patient}"), hash);
        return (BinaryPrimitives.ReadUInt64LittleEndian(hash) >> 11) * (1.0 / (1UL << 53));
    }
}
