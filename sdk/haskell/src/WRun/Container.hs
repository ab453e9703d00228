-- | Tasks that a container does. Its names are common words, so it is imported qualified:
--
-- > import qualified WRun.Container as Container
-- >
-- > sorted = task
-- >   { name = "sorted", doc = "Sort the words", outputs = [File "sorted.txt"]
-- >   , requires = \() -> () <$ dep "words" "words" [] <* inContainer (Container.image "busybox:1.36")
-- >       { Container.args = ["sort", "-o", "\/out\/sorted.txt", "\/in\/words\/words.txt"] } }
module WRun.Container (Container (..), image) where

-- | What runs, and within what. It sees @\/in@, read-only, and writes @\/out@. Arguments are data: no shell reads
-- them, unless the image's program is one.
data Container = Container
  { imageName :: String                -- ^ @name:tag@, @name\@sha256:…@, or the id of one that is on the machine alone
  , entrypoint :: Maybe [String]       -- ^ in place of the image's own
  , args :: [String]
  , workdir :: Maybe String            -- ^ an absolute path, in place of the image's own
  , env :: [(String, String)]          -- ^ in the key, so no place for a secret
  , user :: Maybe String               -- ^ @name@ or @uid:gid@, in place of the image's own
  , network :: Bool                    -- ^ in place of none; what it fetches is in no key
  , cpuMillis :: Maybe Integer         -- ^ thousandths of a core, which have to be free for it to start
  , memory :: Maybe Integer            -- ^ bytes, which have to be free for it to start
  , gpus :: Int
  , timeout :: Maybe Integer           -- ^ seconds
  , tmpfs :: Maybe Integer             -- ^ bytes of @\/tmp@, which is memory
  , accepted :: [Int]                  -- ^ exit codes that are a success, in place of 0 alone
  , secrets :: [String]                -- ^ each is a file in @\/run\/secrets@; wrun.toml says where its value is
  , labels :: [(String, String)]       -- ^ asks for a machine with these labels
  , effect :: Bool                     -- ^ it acts on the world: never repeated to verify, at least once is promised
  } deriving (Eq, Show)

-- | The image as it is, without arguments: a start for a record update.
image :: String -> Container
image named = Container named Nothing [] Nothing [] Nothing False Nothing Nothing 0 Nothing Nothing [] [] [] False
